import { createHash, timingSafeEqual } from 'node:crypto'
import type { H3Event } from 'h3'
import { services } from '#server/lifecycle/services.ts'
import { isTrusted, plainAddress } from './context.ts'

/**
 * Whether the caller stands inside: a direct peer on this machine or in one of NUXT_TRUSTED_PROXIES that
 * nobody forwarded, or one that shows the health token. Nobody is believed for standing in a private network:
 * so do the neighbours in a cloud's. Nginx always says for whom it asks, so whatever comes through it is
 * outside.
 */
export function isInside(event: H3Event): boolean {
  const { config } = services()
  const { headers, socket } = event.node.req
  if (
    config.healthToken
    && headers.authorization
    && same(headers.authorization, `Bearer ${config.healthToken}`)
  )
    return true
  if (headers['x-forwarded-for'] || headers.forwarded || headers['x-real-ip']) return false
  const peer = plainAddress(socket.remoteAddress)
  return peer !== null && isTrusted(peer, config)
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
