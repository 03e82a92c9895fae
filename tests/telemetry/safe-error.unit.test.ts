import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DrizzleQueryError } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createLogger, type Logger } from '#server/telemetry/logger.ts'
import { UnavailableError } from '#shared/errors.ts'

/** What the logger writes to standard output: looked at here, and kept out of the report of the tests. */
const printed = vi.hoisted((): string[] => [])
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const writeSync = (fd: number, bytes: Buffer) => {
    if (fd !== 1) return fs.writeSync(fd, bytes)
    printed.push(bytes.toString('utf8'))
    return bytes.length
  }
  return { ...fs, writeSync }
})

let folder: string
let log: Logger
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-log-'))
  log = createLogger({ level: 'trace', instance: 'test', file: join(folder, 'app.log'), readable: false }).log
})
afterAll(() => rm(folder, { recursive: true }))

const place = '52.516275-a-place-of-somebody'

/**
 * As PostgreSQL and node-postgres give it: the value in the message, the row in `detail`, the parameter in
 * `where`.
 */
function refusal() {
  return Object.assign(new pg.DatabaseError(`invalid input syntax for type uuid: "${place}"`, 100, 'error'), {
    code: '22P02',
    severity: 'ERROR',
    detail: `Failing row contains (${place}).`,
    where: `unnamed portal parameter $1 = '${place}'`,
    hint: place,
    internalQuery: place,
    routine: 'string_to_uuid',
  })
}
const drizzle = () => new DrizzleQueryError('insert into "positions" values ($1)', [place], refusal())
const redis = () =>
  Object.assign(new Error('ERR no'), {
    name: 'ReplyError',
    command: { name: 'set', args: ['session', place] },
  })

const places: [string, (error: Error) => void][] = [
  ['as the line itself', error => log.error(error)],
  ['as the line itself, with a message', error => log.error(error, 'Failed')],
  ['under err', error => log.error({ err: error }, 'Failed')],
  ['under another name', error => log.error({ reason: error, anything: error }, 'Failed')],
  ['deep in an object', error => log.error({ a: { b: { c: error } } }, 'Failed')],
  ['in a list', error => log.error({ failed: [error, { error }] }, 'Failed')],
  ['as the cause of another', error => log.error({ err: new Error('Outer', { cause: error }) }, 'Failed')],
  [
    'as the origin of a domain error',
    error => log.error({ err: new UnavailableError('Away', { cause: error }) }, 'Failed'),
  ],
  ['among several', error => log.error({ err: new AggregateError([error, error], 'Several') }, 'Failed')],
  ['in the text of the line', error => log.error(`It failed: ${error.message}`)],
  ['by a child logger', error => log.child({ part: 'x' }).error({ err: error }, 'Failed')],
]

describe.each<[string, () => Error]>([
  ['drizzle\'s error', drizzle],
  ['PostgreSQL\'s refusal', refusal],
  ['Redis\' refusal', redis],
])('%s', (kind, make) => {
  it.each(places)('logged %s shows no value of the query', async (where, write) => {
    // Of a text that the driver has made itself only drizzle's list of values can be told apart.
    if (where === 'in the text of the line' && kind === 'PostgreSQL\'s refusal') return
    write(make())
    const written = await readFile(join(folder, 'app.log'), 'utf8')
    expect(written.trim()).not.toBe('')
    expect(written).not.toContain(place)
    expect(printed.join('')).toBe(written)
  })
})

it('what helps is kept: the kind, the code, the statement with its placeholders, and where it was thrown', async () => {
  log.error({ err: drizzle() }, 'Kept')
  const line = JSON.parse((await readFile(join(folder, 'app.log'), 'utf8')).trim().split('\n').at(-1)!) as {
    err: Record<string, unknown>
  }
  expect(line.err).toMatchObject({
    query: 'insert into "positions" values ($1)',
    cause: { code: '22P02', severity: 'ERROR', routine: 'string_to_uuid' },
  })
  expect(line.err.stack).toContain('safe-error.unit.test.ts')
})
