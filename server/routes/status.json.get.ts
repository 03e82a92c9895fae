import { services } from '#server/lifecycle/services.ts'
import { keptSeconds } from '#shared/status.ts'

/**
 * `ServiceStatus` of shared/status.ts: what the page /status shows, for programs. Always from
 * memory, and the same for everybody, so that whatever stands in between
 * may keep it for a moment.
 */
export default defineEventHandler((event) => {
  const json = services().statusPage.json()
  setResponseHeader(event, 'Content-Type', 'application/json')
  setResponseHeader(event, 'Cache-Control', `public, max-age=${keptSeconds}`)
  // Other people's monitors and dashboards may read it from a page of theirs: there is nothing in it that is
  // not for everybody.
  setResponseHeader(event, 'Access-Control-Allow-Origin', '*')
  setResponseHeader(event, 'Cross-Origin-Resource-Policy', 'cross-origin')
  return json
})
