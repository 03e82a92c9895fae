/** What the checker tells Prometheus: by hand, so that it stays a program without packages. */
import { createServer } from 'node:http'
import type { Server } from './upstream.ts'

export interface Figures {
  /** A verdict has turned. */
  verdict(upstream: string, down: boolean): void
  /** A round is over, with these. */
  round(servers: Server[]): void
  /** In Prometheus's form. */
  text(): string
}

export function createFigures(now: () => number = Date.now): Figures {
  const turned = new Map<string, number>()
  let servers: Server[] = []
  let lastRound = 0

  return {
    verdict(upstream, down) {
      const key = `{upstream="${upstream}",verdict="${down ? 'out' : 'back'}"}`
      turned.set(key, (turned.get(key) ?? 0) + 1)
    },
    round(list) {
      servers = list
      lastRound = now() / 1000
    },
    text() {
      // A name with several addresses (a scaled service) is down when all of them are.
      const names = [...new Set(servers.filter(({ address }) => address !== null).map(({ name }) => name))]
      const isDown = (name: string) => servers.filter(server => server.name === name).every(({ down }) => down)
      return [
        '# HELP fleet2_checker_instance_down 1 while an instance is out of rotation',
        '# TYPE fleet2_checker_instance_down gauge',
        ...names.map(name => `fleet2_checker_instance_down{upstream="${name}"} ${Number(isDown(name))}`),
        '# HELP fleet2_checker_verdicts_total Times that a verdict has turned',
        '# TYPE fleet2_checker_verdicts_total counter',
        ...[...turned].map(([key, times]) => `fleet2_checker_verdicts_total${key} ${times}`),
        '# HELP fleet2_checker_last_round_timestamp_seconds When all of them had been asked last',
        '# TYPE fleet2_checker_last_round_timestamp_seconds gauge',
        `fleet2_checker_last_round_timestamp_seconds ${lastRound}`,
        '',
      ].join('\n')
    },
  }
}

/** Answers everything with the figures. A port that is taken costs the figures, not the checks. */
export function serveMetrics(port: number, figures: Figures, complain: (message: string) => void): void {
  createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'connection': 'close' }).end(figures.text())
  }).on('error', (error: NodeJS.ErrnoException) => complain(`No figures on port ${port}: ${error.code}`)).listen(port)
}
