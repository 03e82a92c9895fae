import { servicesIfOpen } from '#server/lifecycle/services.ts'
import { liveStatus } from '#server/lifecycle/status.ts'
import type { PublicStatus } from '#shared/schemas/live.ts'

/** What every page needs to know of this instance, signed in or not. Works with every back end away. */
export default defineEventHandler((): PublicStatus => {
  const open = servicesIfOpen()
  if (!open) return { mode: 'unavailable', reason: 'This instance is starting', live: false, sensitive: false, instance: '', version: '', demo: false, mapTilesUrl: null, mapAttribution: null }
  const { version, demo, mapTilesUrl, mapAttribution } = open.config
  return { ...liveStatus(), version, demo, mapTilesUrl: mapTilesUrl ?? null, mapAttribution: mapAttribution ?? null }
})
