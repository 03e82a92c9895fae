import { rawOf } from '#server/fleet/ingest/message.ts'
import { DecodeError, type TrackerProtocol } from './protocol.ts'

/** Reads bytes from the first to the last. @throws {DecodeError} `content` where they end too early. */
export function createCursor(bytes: Buffer) {
  let at = 0
  function take(count: number): number {
    if (count > bytes.length - at) throw new DecodeError('content', 'it ends in the middle of a field')
    at += count
    return at - count
  }
  return {
    u8: () => bytes.readUInt8(take(1)),
    u16: () => bytes.readUInt16BE(take(2)),
    u24: () => bytes.readUIntBE(take(3), 3),
    u32: () => bytes.readUInt32BE(take(4)),
    u64: () => bytes.readBigUInt64BE(take(8)),
    i16: () => bytes.readInt16BE(take(2)),
    i32: () => bytes.readInt32BE(take(4)),
    bytes(count: number): Buffer {
      const from = take(count)
      return bytes.subarray(from, from + count)
    },
    skip: (count: number) => void take(count),
    at: () => at,
    left: () => bytes.length - at,
  }
}
export type Cursor = ReturnType<typeof createCursor>

/** Digits of a kept text; longer ones are cut where they are stored. */
const chunk = 1_000

/** A message as it came, for quarantine: with all that is needed to read it again. */
export function rawBytes(
  protocol: TrackerProtocol, identifier: string, bytes: Buffer, more: Record<string, number> = {},
): Record<string, unknown> {
  const hex = bytes.toString('hex')
  const parts = hex.match(new RegExp(`.{1,${chunk}}`, 'g')) ?? []
  return rawOf({ protocol, identifier, ...more, hex: parts.length > 1 ? parts : hex })
}
