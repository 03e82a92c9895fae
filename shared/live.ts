import type { LiveType } from './features.ts'
import type { LivePosition, Vehicle, VehicleCreate } from './vehicles.ts'

/** What an instance can do at present; see the table in `docs/modes.md`. */
export const modes = ['normal', 'degraded', 'read-only', 'unavailable'] as const
export type Mode = (typeof modes)[number]

/** Present: this is the standby region, and changes are made at that address. */
interface Standby {
  standbyOf?: string
}

/**
 * Of the commit that the event tells of, or a younger one: who sends it as `Fleet2-Consistency` reads nothing
 * older than the event. Null: not known.
 */
interface Committed {
  consistencyToken: string | null
}

/** Without its notes, which may be long, its devices, which not everybody may see, and its position. */
export type ChangedVehicle = Omit<VehicleCreate, 'notes'> & Pick<Vehicle, 'version'>

/**
 * The live stream says a word at least this often: well below the time-outs of proxies (Nginx's is 60 s). A
 * browser that has heard nothing for twice as long and a bit connects anew.
 */
export const heartbeatMs = 10_000

/**
 * The live stream `/api/events` (server-sent events). `event:` is the key, `data:` the JSON of the value.
 * Events of the organisation carry an `id:` and are resumed by `Last-Event-ID`; `status`, `heartbeat`,
 * `moved` and `ended` concern this connection alone and carry none.
 */
export interface LiveEvents {
  /** New positions of vehicles, committed together. */
  positions: { positions: LivePosition[] } & Committed
  /**
   * Something was created, changed, removed or restored. `vehicle`: what a change of a vehicle itself has
   * made of it, so that nobody need fetch it to show it. Without it, and for what it does not have: fetch it
   * again.
   */
  changed: {
    type: LiveType
    id: string
    change: 'created' | 'updated' | 'removed' | 'restored'
    vehicle?: ChangedVehicle
  } & Partial<Committed>
  /** Events may have been missed: fetch the whole state again. */
  resync: { reason: string } & Partial<Committed>
  /**
   * Every few seconds: the stream lives (`EventSource` hides comments), and how things stand. `at`: the
   * server's clock.
   */
  heartbeat: { at: string, live: boolean }
  /**
   * Sent on connection and when it changes. `live`: whether events of other instances arrive; `sensitive`:
   * whether passwords, members and tokens can be changed.
   */
  status: { mode: Mode, reason: string | null, live: boolean, sensitive: boolean, instance: string } & Standby
  /**
   * The reason for this stream has gone: the session has ended or works in another organisation, the member
   * was removed or may not see this any more. Ask who is signed in.
   */
  ended: { reason: string }
  /** This instance is going away: reconnect, after a little random wait. */
  moved: { reason: string }
}
