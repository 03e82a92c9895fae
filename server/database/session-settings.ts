import pg from 'pg'

/**
 * What the program relies on in a session, whatever the server, the database or the role is set to otherwise:
 * somebody's `ALTER DATABASE … SET datestyle = 'German'` made every answer with a time in it a 500. `migrate`
 * sets them for the serving role in this database, which goes before every other such setting, and passes
 * poolers; each instance looks before it serves.
 */
export const sessionSettings: readonly { name: string, value: string, because: string }[] = [
  { name: 'DateStyle', value: 'ISO, MDY', because: 'times are read in this form' },
  { name: 'IntervalStyle', value: 'postgres', because: 'durations are read in this form' },
  { name: 'TimeZone', value: 'UTC', because: 'days begin where the program says' },
  { name: 'standard_conforming_strings', value: 'on', because: 'a backslash in a text is a backslash' },
  { name: 'bytea_output', value: 'hex', because: 'bytes are read in this form' },
  { name: 'extra_float_digits', value: '1', because: 'places keep all their digits' },
  {
    name: 'search_path',
    value: 'public',
    because: 'the tables are there, and nobody can put others before them',
  },
  {
    name: 'default_transaction_isolation',
    value: 'read committed',
    because: 'a change sees what was committed while it waited for a lock',
  },
  {
    name: 'default_transaction_read_only',
    value: 'off',
    because: 'a server that refuses changes is taken for a replica',
  },
  {
    name: 'synchronous_commit',
    value: 'on',
    because: 'a change that was acknowledged must be on disk, here and on the standby that is waited for',
  },
  {
    name: 'client_min_messages',
    value: 'notice',
    because: 'the warning that a commit did not wait for its standby must be heard',
  },
  { name: 'row_security', value: 'on', because: 'without it each query on a tenant\'s rows is refused' },
]

const assign = (name: string, value: string) =>
  `SET ${name} = ${value
    .split(', ')
    .map(part => pg.escapeLiteral(part))
    .join(', ')}`

/** SQL that sets them in this session. */
export function setForSession(): string {
  return sessionSettings.map(({ name, value }) => assign(name, value)).join('; ')
}

/** SQL that sets them for the role in the database that it is run in. */
export function setForRole(role: string, database: string): string[] {
  return sessionSettings.map(
    ({ name, value }) =>
      `ALTER ROLE ${pg.escapeIdentifier(role)} IN DATABASE ${pg.escapeIdentifier(database)} ${assign(name, value)}`,
  )
}

/** Which of them this session has otherwise, in words for an operator; empty: none. */
export async function wrongSettings(query: (sql: string) => Promise<{ rows: unknown[] }>): Promise<string[]> {
  const {
    rows: [row],
  } = await query(
    `SELECT ${sessionSettings.map(({ name }) => `current_setting('${name}') AS "${name}"`).join(', ')}`,
  )
  const found = row as Record<string, string>
  return sessionSettings
    .filter(({ name, value }) => !isAsGood(name, found[name]!, value))
    .map(({ name, value, because }) => `${name} is "${found[name]}" and must be "${value}": ${because}`)
}

/**
 * `ISO, DMY` reads ISO dates as well; a longer search path that begins with ours finds ours first; more
 * digits are as exact; a commit that also waits until its standby shows it is on that standby's disk.
 */
function isAsGood(name: string, found: string, wanted: string): boolean {
  if (found === wanted) return true
  if (name === 'synchronous_commit') return found === 'remote_apply'
  if (wanted.startsWith('ISO')) return found.startsWith('ISO,')
  if (wanted === 'public') return /^("\$user", )?public\b/.test(found)
  if (wanted === '1') return Number(found) >= 1
  if (wanted === 'notice')
    return ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'warning'].includes(found)
  // Names of the same zone.
  return wanted === 'UTC'
}
