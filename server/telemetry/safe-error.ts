/**
 * What of an error may stand in a log line. Drivers put the values of a query beside it, into its message and
 * into the stack: names, addresses, places of people. A list of what is let through, not of what is left out:
 * the next version of a driver may think of another place for them.
 */
const harmless = [
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'hostname',
  'severity',
  'constraint',
  'table',
  'column',
  'schema',
  'dataType',
  'routine',
  'statusCode',
  'signal',
  'commitSent',
  'silent',
] as const

/** More of a query's text, or of a message, is no help. */
const maxMessageLength = 1_000

/** Causes behind causes. */
const deepest = 5

/**
 * SQLSTATE class 22: the message quotes the value that was refused. Class 23 quotes names alone; the rows
 * stand in `detail`, which is not let through.
 */
const quotesValues = /^22[0-9A-Z]{3}$/

export interface SafeError {
  type: string
  message: string
  stack: string
  [field: string]: unknown
}

/** The error without any value that was in a query or a command. */
export function safeError(error: Error, depth = 0): SafeError {
  const { cause, errors, origin, command, query } = error as Error & {
    errors?: unknown
    origin?: unknown
    command?: { name?: unknown }
    query?: unknown
  }
  const fields = error as unknown as Record<string, unknown>
  const message = safeMessage(error)
  const inner = (value: unknown) =>
    value instanceof Error && depth < deepest ? safeError(value, depth + 1) : undefined
  return {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    message,
    stack: `${error.name}: ${message}\n${frames(error.stack)}`,
    ...Object.fromEntries(
      harmless.flatMap(name =>
        typeof fields[name] === 'string'
        || typeof fields[name] === 'number'
        || typeof fields[name] === 'boolean'
          ? [[name, fields[name]]]
          : [],
      ),
    ),
    // Placeholders, never values.
    ...(typeof query === 'string' ? { query: query.slice(0, maxMessageLength) } : {}),
    // Redis: the command's name; its arguments are keys and records.
    ...(typeof command?.name === 'string' ? { command: command.name } : {}),
    ...(inner(cause) ? { cause: inner(cause) } : {}),
    ...(inner(origin) ? { origin: inner(origin) } : {}),
    ...(Array.isArray(errors) ? { errors: errors.slice(0, deepest).map(inner).filter(Boolean) } : {}),
  }
}

function safeMessage(error: Error): string {
  const { code, query, params } = error as Error & { code?: unknown, query?: unknown, params?: unknown }
  if (typeof code === 'string' && quotesValues.test(code))
    return `The database refused a value (SQLSTATE ${code})`
  // drizzle's: the query and then its values.
  if (typeof query === 'string' && params !== undefined) return 'A query failed'
  return withoutParameters(String(error.message)).slice(0, maxMessageLength)
}

/** A text that may have an error's message in it, without the values that drizzle puts there. */
export function withoutParameters(text: string): string {
  const at = text.indexOf('\nparams:')
  return at === -1 ? text : `${text.slice(0, at)} (values left out)`
}

/** The stack without the message that it begins with. */
function frames(stack: string | undefined): string {
  return (stack ?? '').split('\n').filter(line => /^\s+at /.test(line)).join('\n')
}

/**
 * A value as it may stand in a log line: each error in it, however deep, by `safeError`. Given back as it is
 * where there is none.
 */
export function withSafeErrors(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return safeError(value)
  if (value === null || typeof value !== 'object' || depth >= deepest) return value
  if (Array.isArray(value)) {
    const items = value.map(item => withSafeErrors(item, depth + 1))
    return items.every((item, index) => item === value[index]) ? value : items
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const entries = Object.entries(value).map(
    ([name, item]) => [name, withSafeErrors(item, depth + 1)] as const,
  )
  return entries.every(([name, item]) => item === (value as Record<string, unknown>)[name])
    ? value
    : Object.fromEntries(entries)
}
