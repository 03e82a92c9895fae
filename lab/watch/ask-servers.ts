import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { Redis } from 'ioredis'
import pg from 'pg'

/**
 * A server in the lab answers in milliseconds; one that does not within this is not well. Also how long a
 * look at the whole lab takes at most.
 */
export const answerLimitMs = 1_000

/**
 * For whoever waits until all is well and has time: a machine that is busy with something else answers late,
 * and late is not ill.
 */
export const patientLimitMs = 4_000

/** GET, as JSON where it is. @throws on a refused connection and after the limit. Any status is an answer. */
export async function get(
  url: string,
  { limitMs = answerLimitMs } = {},
): Promise<{ status: number, body: unknown }> {
  // A connection of its own: one that was kept may have been closed by the other side a moment ago, which
  // says nothing about its health.
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(limitMs),
  })
  const text = await response.text()
  try {
    return { status: response.status, body: JSON.parse(text) as unknown }
  }
  catch {
    return { status: response.status, body: text }
  }
}

/** Paths of PEM files: whom to believe, and what to show; without a certificate etcd answers nobody. */
export interface EtcdIdentity { ca: string, certificate?: string, key?: string }

export interface EtcdQuestion { method?: string, body?: object, limitMs?: number }

/**
 * An etcd member's answer. It is asked by its name: its address stands in no certificate.
 * @throws as `get` does, and where the answer is no JSON.
 */
export async function askEtcd(
  { name, address, port = 2379 }: { name: string, address: string, port?: number },
  { ca, certificate, key }: EtcdIdentity,
  path: string,
  { method = 'GET', body, limitMs = answerLimitMs }: EtcdQuestion = {},
): Promise<unknown> {
  const [trusted, cert, own] = await Promise.all([ca, certificate, key].map(file => file && readFile(file)))
  const identity = { servername: name, ca: trusted, cert, key: own }
  return new Promise((resolve, reject) => {
    const place = { host: address, port, path, method, agent: false }
    const asked = request({ ...place, ...identity, signal: AbortSignal.timeout(limitMs) }, (response) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (part: string) => text += part)
      response.on('error', reject)
      response.on('end', () => {
        try {
          resolve(JSON.parse(text))
        }
        catch {
          reject(new Error(`etcd answers ${response.statusCode}: ${text.slice(0, 200)}`))
        }
      })
    })
    asked.on('error', reject)
    asked.end(body ? JSON.stringify(body) : '')
  })
}

/** What Patroni's REST API, or another that asks by HTTP Basic, is shown. */
export function basic({ user, password }: { user: string, password: string }): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** One statement on a connection of its own. */
export async function query<Row extends object>(
  url: string,
  text: string,
  values: unknown[] = [],
  { limitMs = answerLimitMs } = {},
): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: limitMs,
    query_timeout: limitMs,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text, values)).rows as Row[]
  }
  finally {
    // Not awaited: the goodbye to a frozen server never arrives.
    client.end().catch(() => {})
  }
}

/** One command on a connection of its own, without retries; `who` null: without a password. */
export async function redisCommand(
  address: string,
  port: number,
  who: { user: string, password: string } | null,
  command: string[],
  { limitMs = answerLimitMs } = {},
): Promise<unknown> {
  const client = new Redis({
    host: address, port, ...who ? { username: who.user, password: who.password } : {}, protocol: 2,
    lazyConnect: true, connectTimeout: limitMs, commandTimeout: limitMs, maxRetriesPerRequest: 0,
    retryStrategy: () => null, enableReadyCheck: false,
  })
  // A refused password is said here alone; who waits hears that the connection is closed.
  let refused: unknown
  client.on('error', error => refused ??= error)
  try {
    await client.connect()
    return await client.call(command[0]!, ...command.slice(1))
  }
  catch (error) {
    throw refused ?? error
  }
  finally {
    client.disconnect()
  }
}

/** `name:value` lines of INFO. */
export function infoFields(text: unknown): Record<string, string> {
  return Object.fromEntries(
    String(text)
      .split(/\r?\n/)
      .filter(line => line.includes(':'))
      .map(line => line.split(/:(.*)/s).slice(0, 2)),
  ) as Record<string, string>
}
