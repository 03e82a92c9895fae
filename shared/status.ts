import { z } from 'zod'
import { anyText } from './schemas/answers.ts'
import { Instant, line, paragraph } from './schemas/common.ts'
import { modes } from './live.ts'
import { share, wholeNumber } from './schemas/numbers.ts'
import { textLike } from './schemas/text.ts'

/** From best to worst. The words that people read of them are in `stateNames`. */
export const partStates = ['operational', 'limited', 'partly-away', 'away'] as const
export type PartState = (typeof partStates)[number]

export const stateNames: Record<PartState, string> = {
  'operational': 'Operational',
  'limited': 'Degraded',
  'partly-away': 'Partial outage',
  'away': 'Outage',
}

/** What Fleet2 does for people, in the order in which the page shows it. */
export const partIds = ['website', 'saving', 'live', 'devices', 'sign-in'] as const
export type PartId = (typeof partIds)[number]

/** What one instance says of each part. */
export type PartStates = Record<PartId, PartState>

/** How often the page asks again, in seconds. What it is given is at most a few seconds old. */
export const refreshSeconds = 10

/**
 * How long anybody may keep an answer, in seconds: a crowd at the page is answered from what one of them was
 * told.
 */
export const keptSeconds = 5

/** Days that the uptime is shown for. */
export const uptimeDays = 90

const State = z.enum(partStates, `must be one of ${partStates.join(', ')}`)

/**
 * What the operator writes into NUXT_STATUS_NOTICE_FILE, as JSON. `since` may lie ahead: work that is
 * planned.
 */
export const StatusNotice = z.object({ title: line(120), text: paragraph(2_000), since: Instant })
export type StatusNotice = z.infer<typeof StatusNotice>

const StatusPart = z.object({
  id: z.enum(partIds),
  name: line(60),
  state: State,
  /** What that means for whoever uses it. */
  text: line(300),
})
export type StatusPart = z.infer<typeof StatusPart>

const UptimeDay = z.object({
  /** A day of UTC. */
  date: textLike(/^\d{4}-\d{2}-\d{2}$/, 'a day, such as 2026-11-24'),
  /** The share of what was measured in which Fleet2 answered, from 0 to 1; null: nothing was measured. */
  uptime: share().nullable(),
  /** How much of the day was measured; of the present day there cannot be all of it. */
  measuredMinutes: wholeNumber(0, 1_440),
})
export type UptimeDay = z.infer<typeof UptimeDay>

/** `not-known`: there is a Prometheus, and it could not be asked lately. */
export const uptimeStates = ['known', 'not-known', 'not-configured'] as const

const Uptime = z.object({
  state: z.enum(uptimeStates),
  /** Of all that was measured in these days; null: nothing. */
  uptime: share().nullable(),
  /** When it was asked for. */
  asOf: Instant.nullable(),
  /** The latest last; none unless it is known. */
  days: z.array(UptimeDay).max(uptimeDays),
})
export type Uptime = z.infer<typeof Uptime>

/**
 * Whose view it is: all instances' that are there; that of the one that answers, because it cannot ask the
 * others; nobody's, because none answers.
 */
export const statusViews = ['all-instances', 'one-instance', 'nobody'] as const

/** `GET /status.json`: what the public page shows. It names no host, address, version or tenant. */
export const ServiceStatus = z.object({
  /** Of all parts together. */
  state: State,
  /** The same in words. */
  title: line(120),
  checkedAt: Instant,
  view: z.enum(statusViews),
  parts: z.array(StatusPart).length(partIds.length),
  /** What cannot be known at present, each as a sentence. */
  notKnown: z.array(line(300)).max(5),
  notice: StatusNotice.nullable(),
  uptime: Uptime,
})
export type ServiceStatus = z.infer<typeof ServiceStatus>

/** `GET /api/v1/status`: what every page needs to know, signed in or not. */
export const PublicStatus = z.object({
  mode: z.enum(modes),
  reason: anyText().nullable(),
  live: z.boolean().describe('Whether live events of other instances arrive.'),
  sensitive: z.boolean().describe('Whether passwords, members and tokens can be changed.'),
  instance: anyText(),
  version: anyText(),
  demo: z.boolean(),
  mapTilesUrl: anyText().nullable()
    .describe('Raster tiles of one\'s own; null: the basemap that comes with the application.'),
  mapAttribution: anyText().nullable(),
  standbyOf: anyText().optional()
    .describe('Present in a standby region, which takes no changes: the address of the one that does.'),
})
export type PublicStatus = z.infer<typeof PublicStatus>
