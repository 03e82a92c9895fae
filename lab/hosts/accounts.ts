import { readFileSync } from 'node:fs'

export interface Account { uid: number, gid: number }

/** A system account's numbers. @throws when there is none of that name. */
export function account(name: string): Account {
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find(line => line.startsWith(`${name}:`))
  if (!line)
    throw new Error(`This machine has no user "${name}"; Debian's package makes it: npm run ha:install`)
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}
