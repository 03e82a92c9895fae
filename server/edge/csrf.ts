import type { H3Event } from 'h3'
import type { Config } from '#server/config/load.ts'
import { ForbiddenError } from '#shared/errors.ts'
import { isUnsafe } from './context.ts'

/**
 * Refuses a change that another site's page makes with this user's cookie. Browsers say where a request comes
 * from: `Sec-Fetch-Site`, or the older `Origin`. A client that sends neither is no browser and has no cookie
 * that it did not mean to send.
 * @throws {ForbiddenError}
 */
export function refuseCrossSite(event: H3Event, config: Config): void {
  if (!isUnsafe(event.method)) return
  const { headers } = event.node.req
  const site = headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return
  const { origin } = headers
  if (site === undefined && origin === undefined) return
  if (site === undefined && origin !== undefined && ownOrigins(event, config).includes(origin)) return
  throw new ForbiddenError('This request came from another site. Make changes from Fleet2\'s own pages.')
}

function ownOrigins(event: H3Event, config: Config): string[] {
  const host = event.node.req.headers.host ?? ''
  return [`http://${host}`, `https://${host}`, ...config.publicUrl ? [new URL(config.publicUrl).origin] : []]
}
