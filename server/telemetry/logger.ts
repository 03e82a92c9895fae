import { pino, destination, multistream, type Logger } from 'pino'
import pretty from 'pino-pretty'
import { currentContext } from './context.ts'

export type { Logger }

export interface LoggerOptions {
  level: string
  instance: string
  /** Lines go there too. Opened anew by `reopen`. */
  file?: string
  /** A readable form instead of JSON: for a terminal. */
  readable: boolean
}

/** Never in a log line, wherever an object happens to carry it. A person's position is personal data. */
const secretPaths = ['password', 'token', 'cookie', 'authorization', 'latitude', 'longitude', 'sessionPassword', 'secret']
  .flatMap(name => [name, `*.${name}`, `*.*.${name}`]).concat('headers["set-cookie"]', '*.headers["set-cookie"]')

/** The program's logger: one JSON line an event, with the request's id and organisation where there is one. */
export function createLogger({ level, instance, file, readable }: LoggerOptions): { log: Logger, reopen: () => void } {
  const files = file ? destination({ dest: file, sync: true, append: true }) : null
  const output = readable
    ? pretty({ colorize: true, translateTime: 'HH:MM:ss', ignore: 'pid,hostname,instance,time_zone', messageFormat: '{msg}', sync: true })
    : destination({ dest: 1, sync: true })
  const log = pino({
    level,
    base: { instance },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: label => ({ level: label }) },
    redact: { paths: secretPaths, censor: '[redacted]' },
    mixin() {
      const context = currentContext()
      if (!context) return {}
      const { principal } = context
      const organisationId = principal && principal.kind !== 'system' ? principal.organisationId : undefined
      return { request_id: context.requestId, ...organisationId ? { organisation_id: organisationId } : {}, ...principal?.kind === 'user' ? { user_id: principal.userId } : {} }
    },
  }, files ? multistream([{ stream: output, level: 'trace' }, { stream: files, level: 'trace' }]) : output)
  return { log, reopen: () => files?.reopen() }
}
