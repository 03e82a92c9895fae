import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { formatHostPort } from '#server/config/host-port.ts'
import { commandTimeoutMs, type RedisConnection } from './connection.ts'
import { NamedConnector } from './connectors.ts'

/** What the Sentinels say at the moment. */
export interface SentinelView {
  total: number
  /** That answered within the last look. */
  reachable: number
  /** Whether a failover could be agreed on and carried out. */
  quorum: boolean
  /** Announced address of the master that most of them name; null: they do not agree. */
  master: string | null
  /** Replicas that the Sentinel with the most of them knows of. */
  replicas: number
  reason: string | null
  /** Each by itself, in the order of the configuration. */
  each: SentinelSight[]
  /** Counts the failovers: the same at all Sentinels that know of the last one. 0: not known. */
  epoch: number
}

/** One Sentinel's own view. */
export interface SentinelSight {
  name: string
  reachable: boolean
  /** The master that it names. */
  master: string | null
  /** Whether it says that a failover could be agreed on; null: it does not answer. */
  quorum: boolean | null
  replicas: number
}

/**
 * One question a second to each Sentinel: a lost quorum does no harm until the next fault, but somebody
 * should know by then.
 */
const lookEveryMs = 1_000

/**
 * Asks the Sentinels in the background, so that whoever wants to know is answered from memory, and listens to
 * them: `onMaster` is called with the address of each new master, by each Sentinel that says so, because the
 * one that a client asks next may be the last to know; and after each look with the one that most of them
 * name, because a message may be lost.
 */
export function watchSentinels(
  { sentinels, sentinelName, sentinelPassword, sentinelTls, tlsCaFile, natMap = {} }: RedisConnection,
  onMaster: (master: { host: string, port: number }) => void,
): { view(): SentinelView, stop(): void } {
  const reachable = (host: string, port: number) => natMap[`${host}:${port}`] ?? { host, port }
  const open = ({ host, port }: { host: string, port: number }) => {
    const client = new Redis({
      host,
      port,
      password: sentinelPassword,
      connectTimeout: commandTimeoutMs,
      commandTimeout: commandTimeoutMs,
      disconnectTimeout: 50,
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      autoResubscribe: false,
      enableReadyCheck: false,
      retryStrategy: () => lookEveryMs,
      protocol: 2,
      disableClientInfo: true,
      Connector: NamedConnector,
      ...(sentinelTls ? { tls: tlsCaFile ? { ca: readFileSync(tlsCaFile) } : {} } : {}),
    })
    client.on('error', () => {})
    client.connect().catch(() => {})
    return client
  }
  const clients = sentinels.map(open)
  const listening = sentinels.map((sentinel) => {
    const client = open(sentinel)
    client.on('ready', () => {
      client.subscribe('+switch-master').catch(() => client.disconnect(true))
    })
    client.on('message', (_channel: string, message: string) => {
      const [name, , , host = '', port = ''] = message.split(' ')
      if (name === sentinelName) onMaster(reachable(host, Number(port)))
    })
    return client
  })
  const names = sentinels.map(formatHostPort)
  const silent = (name: string): SentinelSight => ({
    name,
    reachable: false,
    master: null,
    quorum: null,
    replicas: 0,
  })
  let current: SentinelView = {
    total: clients.length,
    reachable: 0,
    quorum: false,
    master: null,
    replicas: 0,
    reason: 'not asked yet',
    each: names.map(silent),
    epoch: 0,
  }
  let stopped = false
  let timer: NodeJS.Timeout | undefined

  async function ask(client: Redis) {
    try {
      const [quorum, flat] = await Promise.all([
        client.call('SENTINEL', 'CKQUORUM', sentinelName).then(
          () => null,
          (error: Error) => {
            if (error.name !== 'ReplyError') throw error
            return error.message
          },
        ),
        client.call('SENTINEL', 'MASTER', sentinelName) as Promise<string[]>,
      ])
      const fields = Object.fromEntries(
        Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at]!, flat[2 * at + 1]!]),
      )
      return {
        refusal: quorum,
        host: String(fields.ip),
        port: Number(fields.port),
        master: formatHostPort({ host: String(fields.ip), port: Number(fields.port) }),
        replicas: Number(fields['num-slaves'] ?? 0),
        epoch: Number(fields['config-epoch'] ?? 0),
      }
    }
    catch (error) {
      // A connection on which an answer is overdue stays broken until it is made anew.
      if (client.status === 'ready' && error instanceof Error && error.name !== 'ReplyError')
        client.disconnect(true)
      return null
    }
  }

  async function look() {
    const asked = await Promise.all(clients.map(ask))
    const answers = asked.filter(answer => answer !== null)
    if (stopped) return
    const votes = answers.map(({ master }) => master)
    const master = votes.find(one => votes.filter(other => other === one).length * 2 > clients.length) ?? null
    const named = answers.find(answer => answer.master === master)
    if (named) onMaster(reachable(named.host, named.port))
    const refusal = answers.find(answer => answer.refusal !== null)?.refusal ?? null
    const majority = answers.length * 2 > clients.length
    current = {
      total: clients.length,
      reachable: answers.length,
      quorum: majority && answers.some(answer => answer.refusal === null),
      master,
      replicas: Math.max(0, ...answers.map(({ replicas }) => replicas)),
      reason:
        answers.length === 0
          ? 'No Sentinel answers'
          : !majority || answers.every(answer => answer.refusal !== null)
              ? `The Sentinels have no quorum: ${answers.length} of ${clients.length} respond${refusal ? ` (${refusal.slice(0, 80)})` : ''}`
              : answers.length < clients.length
                ? `${clients.length - answers.length} of ${clients.length} Sentinels not responding`
                : null,
      each: asked.map((answer, at) =>
        answer
          ? {
              name: names[at]!,
              reachable: true,
              master: answer.master,
              quorum: answer.refusal === null,
              replicas: answer.replicas,
            }
          : silent(names[at]!),
      ),
      epoch: Math.max(current.epoch, ...answers.map(({ epoch }) => epoch)),
    }
    timer = setTimeout(look, lookEveryMs)
    timer.unref()
  }
  timer = setTimeout(look, 100)
  timer.unref()

  return {
    view: () => current,
    stop() {
      stopped = true
      clearTimeout(timer)
      for (const client of [...clients, ...listening]) client.disconnect()
    },
  }
}
