import { Counter } from 'prom-client'
import { pino, type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { currentContext } from './context.ts'
import { safeError, withSafeErrors, withoutParameters } from './safe-error.ts'
import { registry } from './metrics.ts'
import { openSink, type Sink } from './sink.ts'

export type { Logger }

export interface LoggerOptions {
  level: string
  instance: string
  /** Lines go there too. Opened anew by `reopen`. */
  file?: string
  /** Size at which it is put aside and begun anew. 0 or none: never. */
  fileLimitBytes?: number
  /** A readable form instead of JSON: for a terminal. */
  readable: boolean
}

export interface Log {
  log: Logger
  reopen: () => void
  /**
   * The last words, before the process ends. Waits a moment for a reader that is slow, and not for one that
   * stands still.
   */
  flush: () => void
}

/** Never in a log line, wherever an object happens to carry it. A person's position is personal data. */
const secretPaths = [
  'password',
  'token',
  'cookie',
  'authorization',
  'latitude',
  'longitude',
  'sessionPassword',
  'secret',
]
  .flatMap(name => [name, `*.${name}`, `*.*.${name}`])
  .concat('headers["set-cookie"]', '*.headers["set-cookie"]')

const dropped = new Counter({
  name: 'fleet2_log_lines_dropped_total',
  help: 'Log lines dropped because their destination did not accept them in time; destination: stdout, '
    + 'file',
  labelNames: ['destination'] as const,
  registers: [registry],
})

/** A slow reader takes 64 KiB in a few milliseconds. */
const flushMs = 500

/**
 * The program's logger: one JSON line an event, with the ids of the request, its trace, organisation and user
 * where there are any. It never throws and never waits for a destination.
 */
export function createLogger({ level, instance, file, fileLimitBytes, readable }: LoggerOptions): Log {
  const sinks: { name: 'stdout' | 'file', sink: Sink }[] = []
  const open = (name: 'stdout' | 'file', path: string | null) => {
    dropped.inc({ destination: name }, 0)
    sinks.push({
      name,
      sink: openSink({
        path,
        fileLimitBytes: path === null ? undefined : fileLimitBytes,
        onDropped: lines => dropped.inc({ destination: name }, lines),
        // Not from within a write: the line that tells of it is a line like any other.
        onTrouble: message => void queueMicrotask(() => log.warn({ destination: name }, message)),
      }),
    })
  }
  const format = readable
    ? prettyFactory({
        colorize: true,
        translateTime: 'HH:MM:ss',
        ignore: 'pid,hostname,instance,time_zone',
        messageFormat: '{msg}',
      })
    : (line: string) => line
  const log: Logger = pino(
    {
      level,
      base: { instance },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: label => ({ level: label }),
        log: line => withSafeErrors(line) as Record<string, unknown>,
      },
      // The formatter above has made plain objects of them.
      serializers: { err: (error: unknown) => error },
      hooks: {
        logMethod(args, method) {
          const [first] = args as unknown[]
          // pino takes the message of a bare error for the line's.
          const line
            = first instanceof Error && args.length === 1 ? [{ err: first }, safeError(first).message] : args
          method.apply(
            this,
            (line as unknown[]).map(part =>
              typeof part === 'string' ? withoutParameters(part) : part,
            ) as typeof args,
          )
        },
      },
      redact: { paths: secretPaths, censor: '[redacted]' },
      mixin() {
        const context = currentContext()
        if (!context) return {}
        const { principal, trace } = context
        const organisationId = principal && principal.kind !== 'system' ? principal.organisationId : undefined
        return {
          request_id: context.requestId,
          ...(trace ? { trace_id: trace.traceId } : {}),
          ...(organisationId ? { organisation_id: organisationId } : {}),
          ...(principal?.kind === 'user' ? { user_id: principal.userId } : {}),
        }
      },
    },
    {
      write(line: string) {
        for (const { name, sink } of sinks) sink.write(name === 'stdout' ? format(line) : line)
      },
    },
  )
  // What libraries print there; a reader that has gone is no reason to end.
  process.stderr.on('error', () => {})
  open('stdout', null)
  if (file) open('file', file)
  return {
    log,
    reopen() {
      for (const { sink } of sinks) sink.reopen()
    },
    flush() {
      for (const { sink } of sinks) sink.flush(flushMs)
    },
  }
}
