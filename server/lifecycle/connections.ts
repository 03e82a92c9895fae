import type { Server } from 'node:http'

/**
 * How long an idle connection stays open for the next request. Whoever reuses a connection must give it up
 * before the other end closes it, or a request meets its end and is lost: Nginx gives its own up after 4 s
 * (deploy/nginx/checker/upstream.ts), a cloud's balancer straight before the instances after 60 s as a rule.
 * Node's default of 5 s is below both: of keyless changes that came just then every third was answered 502.
 * docs/timeouts.md has the chain.
 */
export const keepAliveTimeoutMs = 75_000

/** Sets the listener's own limits. To be called once, before its first answer. */
export function keepConnections(server: Server): void {
  server.keepAliveTimeout = keepAliveTimeoutMs
}
