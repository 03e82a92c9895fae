import type { LivePosition } from './vehicles.ts'

/** What an instance can do at present; see the table in `docs/modes.md`. */
export const modes = ['normal', 'degraded', 'read-only', 'unavailable'] as const
export type Mode = (typeof modes)[number]

/**
 * The live stream `/api/events` (server-sent events). `event:` is the key, `data:` the JSON of the value.
 * Events of the organisation carry an `id:` and are resumed by `Last-Event-ID`; `status` and `moved` concern this
 * connection alone and carry none.
 */
export interface LiveEvents {
  /** New positions of vehicles, committed together. */
  positions: { positions: LivePosition[] }
  /** Something was created, changed, removed or restored: fetch it again. */
  changed: { type: 'vehicle' | 'device' | 'member' | 'invitation' | 'organisation', id: string, change: 'created' | 'updated' | 'removed' | 'restored' }
  /** Events may have been missed: fetch the whole state again. */
  resync: { reason: string }
  /** Sent on connection and when it changes. `live`: whether events of other instances arrive; `sensitive`: whether passwords, members and tokens can be changed. */
  status: { mode: Mode, reason: string | null, live: boolean, sensitive: boolean, instance: string }
  /** This instance is going away: reconnect, after a little random wait. */
  moved: { reason: string }
}

/** `GET /api/v1/status`: what every page needs to know, signed in or not. */
export interface PublicStatus {
  mode: Mode
  reason: string | null
  live: boolean
  sensitive: boolean
  instance: string
  version: string
  demo: boolean
  /** Raster tiles of one's own; null: the basemap that comes with the application. */
  mapTilesUrl: string | null
  mapAttribution: string | null
}
