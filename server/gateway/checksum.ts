/** CRC-16/ARC: reflected, 0x8005, from 0. Teltonika's. */
export function crc16Arc(bytes: Uint8Array): number {
  return reflected(bytes, 0xA001, 0)
}

/** CRC-16/X-25, which the makers of GT06 call CRC-ITU: reflected, 0x1021, from 0xFFFF, inverted. */
export function crc16X25(bytes: Uint8Array): number {
  return reflected(bytes, 0x8408, 0xFFFF) ^ 0xFFFF
}

function reflected(bytes: Uint8Array, polynomial: number, start: number): number {
  let crc = start
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
  }
  return crc
}
