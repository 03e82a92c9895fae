import { timingSafeEqual } from 'node:crypto'
import { hashToken } from '../devices/devices.ts'
import type { Candidates, KnownDevice } from './devices.ts'
import type { DeviceMessage } from './message.ts'

/** What came with a message and may say whose it is. */
export interface Shown {
  /** The token that was shown. Null: none. */
  token: string | null
  /** The organisation whose own address it came to. Null: it came to the address of all. */
  organisationId: string | null
}

/**
 * Which device a message is from. An identifier is a name: several organisations' devices may have it, and it
 * proves nothing. `isProved` false: a device has this name, and the message does not show what that device
 * must show. Null: nobody that may be meant here has it.
 *
 * A token that fits decides, by whichever of the names. Without one the first name that anybody has is
 * meant: a device that needs no token is never found by a name that is trusted less than one that is known.
 */
export function identify(
  { identifiers }: DeviceMessage, candidates: Candidates, shown: Shown,
): { device: KnownDevice, isProved: boolean, isOnly: boolean } | null {
  const { token, organisationId } = shown
  const named = identifiers.map(identifier => (candidates.get(identifier) ?? [])
    .filter(device => organisationId === null || device.organisationId === organisationId))
  if (token !== null) {
    const device = named.flat().find(one => fits(one, token))
    if (device) return { device, isProved: true, isOnly: true }
  }
  const meant = named.find(devices => devices.length > 0)
  if (!meant) return null
  const open = meant.find(device => needsNone(device, shown))
  return { device: open ?? meant[0]!, isProved: open !== undefined, isOnly: meant.length === 1 }
}

/** Whether the token is the device's, or for a day the one before it. */
function fits({ tokenHash, previousTokenHash, previousTokenUntil }: KnownDevice, token: string): boolean {
  if (tokenHash === null) return false
  const shown = Buffer.from(hashToken(token))
  if (timingSafeEqual(shown, Buffer.from(tokenHash))) return true
  if (!previousTokenHash || !previousTokenUntil || previousTokenUntil <= new Date()) return false
  return timingSafeEqual(shown, Buffer.from(previousTokenHash))
}

/** A token that is shown must be right even where none is needed. */
function needsNone(
  { tokenRequired, tokenHash, addressRequired }: KnownDevice, { token, organisationId }: Shown,
): boolean {
  if (tokenRequired || (token !== null && tokenHash !== null)) return false
  return !addressRequired || organisationId !== null
}

/**
 * The names of a message's fields, with what they say taken out, but for the names of the device: it was
 * refused, and nothing proves that it is this organisation's to read.
 */
export function withoutContent(raw: unknown, identifiers: string[]): unknown {
  if (Array.isArray(raw)) return raw.map(item => withoutContent(item, identifiers))
  if (raw === null || typeof raw !== 'object')
    return ['string', 'number'].includes(typeof raw) && identifiers.includes(String(raw).trim()) ? raw : '…'
  return Object.fromEntries(
    Object.entries(raw).map(([name, item]) => [name, withoutContent(item, identifiers)]))
}
