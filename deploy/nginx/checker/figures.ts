/** What the checker tells Prometheus: by hand, so that it stays a program without packages. */
import { createServer } from 'node:http'
import type { Server } from './upstream.ts'

export interface Figures {
  /** A verdict has turned. */
  verdict(server: Server): void
  /** A round is over, with these. */
  round(servers: Server[]): void
  /** In Prometheus's form. */
  text(): string
}

/** As UPSTREAMS names it: two instances may share a host. */
const upstreamOf = ({ name, port }: Server) => `${name}:${port}`

export function createFigures(now: () => number = Date.now): Figures {
  const turned = new Map<string, number>()
  let servers: Server[] = []
  let lastRound: number | null = null

  return {
    verdict(server) {
      const key = `{upstream="${upstreamOf(server)}",verdict="${server.down ? 'out' : 'back'}"}`
      turned.set(key, (turned.get(key) ?? 0) + 1)
    },
    round(list) {
      servers = list
      lastRound = now() / 1000
    },
    text() {
      // A name with several addresses (a scaled service) is down when all of them are.
      const known = servers.filter(({ address }) => address !== null)
      const names = [...new Set(known.map(upstreamOf))]
      const isDown = (name: string) =>
        known.filter(server => upstreamOf(server) === name).every(({ down }) => down)
      return [
        '# HELP fleet2_checker_instance_down 1 while an instance is out of rotation',
        '# TYPE fleet2_checker_instance_down gauge',
        ...names.map(name => `fleet2_checker_instance_down{upstream="${name}"} ${Number(isDown(name))}`),
        '# HELP fleet2_checker_verdicts_total Times that a verdict has turned',
        '# TYPE fleet2_checker_verdicts_total counter',
        ...[...turned].map(([key, times]) => `fleet2_checker_verdicts_total${key} ${times}`),
        '# HELP fleet2_checker_last_round_timestamp_seconds When all of them had been asked last',
        '# TYPE fleet2_checker_last_round_timestamp_seconds gauge',
        // Before the first there is none: a 0 would be a round in 1970.
        ...lastRound === null ? [] : [`fleet2_checker_last_round_timestamp_seconds ${lastRound}`],
        '',
      ].join('\n')
    },
  }
}

/** Answers everything with the figures. A port that is taken costs the figures, not the checks. */
export function serveMetrics(port: number, figures: Figures, complain: (message: string) => void): void {
  createServer((_, response) => {
    response
      .writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'connection': 'close' })
      .end(figures.text())
  })
    .on('error', (error: NodeJS.ErrnoException) => complain(`No figures on port ${port}: ${error.code}`))
    .listen(port)
}
