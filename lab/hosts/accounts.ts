import { readFileSync } from 'node:fs'
import { ofServers } from '../debian/servers.ts'

export interface Account { uid: number, gid: number }

/** A system account's numbers, where the servers are. @throws when there is none of that name. */
export function account(name: string): Account {
  const lines = readFileSync(ofServers('/etc/passwd'), 'utf8').split('\n')
  const line = lines.find(line => line.startsWith(`${name}:`))
  if (!line) throw new Error(`There is no user "${name}"; Debian's package makes it: npm run ha:install`)
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}
