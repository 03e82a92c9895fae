import { defineEndpoint } from '#server/edge/endpoint.ts'
import { servicesIfOpen } from '#server/lifecycle/services.ts'
import { liveStatus } from '#server/lifecycle/status.ts'
import { PublicStatus } from '#shared/status.ts'

export default defineEndpoint({
  summary: 'Read what every page needs to know of this instance',
  description: 'Works with every back end away.',
  permission: 'public',
  output: PublicStatus,
  handler: () => {
    const open = servicesIfOpen()
    if (!open) return starting
    const { version, demo, mapTilesUrl, mapAttribution } = open.config
    const map = { mapTilesUrl: mapTilesUrl ?? null, mapAttribution: mapAttribution ?? null }
    return { ...liveStatus(), version, demo, ...map }
  },
})

const starting: PublicStatus = {
  mode: 'unavailable', reason: 'This instance is starting', live: false, sensitive: false, instance: '',
  version: '', demo: false, mapTilesUrl: null, mapAttribution: null,
}
