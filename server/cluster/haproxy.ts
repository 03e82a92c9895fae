import type { BalancerView } from '#shared/operations.ts'
import { askEach } from './ask-each.ts'
import { fetchText } from './http.ts'
import type { Port } from './look.ts'

/** Some 500 bytes a line. */
const maxBytes = 1_048_576

type BalancedServer = BalancerView['servers'][number]

/**
 * HAProxy's statistics as CSV (management guide, 9.1): the lines of servers. @throws when it is something
 * else.
 */
export function parseStatistics(csv: string): BalancedServer[] {
  const [head = '', ...lines] = csv.trim().split('\n')
  if (!head.startsWith('# pxname,svname,')) throw new Error('The response is not HAProxy\'s statistics')
  const columns = head.slice(2).split(',')
  const at = (name: string) => columns.indexOf(name)
  return lines.map(line => cells(line)).filter(fields => fields[at('type')] === '2').map(fields => ({
    proxy: fields[at('pxname')]!,
    server: fields[at('svname')]!,
    // "DOWN 1/2": on its way up.
    status: fields[at('status')]!.toLowerCase(),
    sessions: Number(fields[at('scur')] || 0),
  }))
}

/** One line of CSV; quoted where a check's description has a comma or a quote in it. */
function cells(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .map(([, cell = '']) => cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)
}

/** The HAProxies' own view: each has its own. */
export function haproxyByStatistics(urls: readonly string[], limitMs: number): Port<BalancerView[]> {
  const targets = urls.map(url => ({ name: new URL(url).host, url }))
  return {
    source: 'HAProxy',
    async ask(signal) {
      const read = async ({ url }: { url: string }, signal: AbortSignal) => {
        return parseStatistics(await fetchText(`${url};csv`, { signal, maxBytes }))
      }
      const answers = await askEach(targets, limitMs, read, signal)
      return answers.map(({ name, value, reason }) => ({ name, reason, servers: value ?? [] }))
    },
  }
}
