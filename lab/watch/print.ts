import { labName, publishedAddress } from '../place.ts'
import type { Lab, LabStatus } from '../types.ts'

function row(cells: string[], widths: number[]): string {
  return cells.map((cell, index) => cell.padEnd(widths[index]!)).join('  ').trimEnd()
}

function size(bytes: number | null): string {
  if (bytes === null) return '-'
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} kB` : `${Math.round(bytes / 1_048_576)} MB`
}

function age(from: string | null, now: number): string {
  if (!from) return '-'
  const seconds = Math.max(0, Math.round((now - Date.parse(from)) / 1000))
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`
}

/** `ha:status`: one line a node. */
export function statusTable({ at, nodes, healthy, missing }: LabStatus): string {
  const now = Date.parse(at)
  const rows = [
    ['node', 'address', 'health', 'role', 'tl', 'lag', 'pid', 'up', 'restarts', 'memory', 'hurt'],
    ...nodes.map(({ name, address, healthy, reason, role, timeline, lagBytes, units, memoryMb, hurt }) => [
      name,
      address,
      healthy ? 'healthy' : (reason ?? 'not healthy'),
      role ?? '-',
      String(timeline ?? '-'),
      size(lagBytes),
      units.map(({ pid }) => pid ?? '-').join(' '),
      age(units[0]?.startedAt ?? null, now),
      String(units.reduce((sum, { restarts }) => sum + restarts, 0)),
      memoryMb ? `${memoryMb} MB` : '-',
      hurt.join(', '),
    ]),
  ]
  // A long reason must not make the whole table wide.
  for (const cells of rows) if (cells[2]!.length > 60) cells[2] = `${cells[2]!.slice(0, 59)}…`
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(cells => cells[column]!.length)))
  const verdict = healthy ? 'All healthy' : `Not whole: ${missing.join('; ')}`
  return `${rows.map(cells => row(cells, widths)).join('\n')}\n\n${verdict}`
}

/** Where everything answers, and how to sign in. */
export function printAddresses({ addresses, credentials, directory }: Lab): string {
  const published = labName === '' ? 'localhost' : publishedAddress
  const lines: [string, string][] = [
    ['Fleet2', `https://${published}:8443   (or ${addresses.https.join(', ')})`],
    ['', `its certificate is signed by ${addresses.certificate}: curl --cacert …`],
    [
      'Sign in as',
      `${credentials.demo.emails[0]} (or ${credentials.demo.emails
        .slice(1)
        .map(email => email.split('@')[0])
        .join(', ')})`,
    ],
    ['password', credentials.demo.password],
    ['Instances', Object.values(addresses.apps).join('  ')],
    ['Patroni', `http://${published}:8008/cluster`],
    ['HAProxy', addresses.haproxyStats.join('  ')],
    ['Prometheus', addresses.prometheus],
    ['Alertmanager', addresses.alertmanager],
    ['PostgreSQL', `${addresses.ownerUrl}`],
    ['Logs', `${directory}/log   (npm run ha:logs -- NODE)`],
  ]
  return `\n${lines.map(([name, text]) => `  ${name.padEnd(13)} ${text}`).join('\n')}\n\n  npm run ha:status · npm run ha -- crash patroni1 · npm run ha -- heal patroni1 · npm run ha:down\n`
}
