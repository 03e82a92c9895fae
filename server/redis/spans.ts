import type { Redis } from 'ioredis'
import { beginStep, markFailed } from '#server/telemetry/tracing.ts'

/**
 * Makes each command that this client sends a step of whatever is being recorded: its name, and neither keys
 * nor values. (ioredis tells of its commands by a diagnostics channel too; for that it writes down the
 * arguments of each one, whether or not it is recorded.)
 */
export function traceCommands(client: Redis): void {
  const send = client.sendCommand.bind(client)
  client.sendCommand = (command, stream) => {
    const name = command.name.toUpperCase()
    const attributes = { 'db.system.name': 'redis', 'db.operation.name': name }
    const span = beginStep(`redis ${name}`, 'client', attributes)
    const sent = send(command, stream)
    if (span) {
      command.promise.then(() => span.end(), (error: unknown) => {
        markFailed(span, error)
        span.end()
      })
    }
    return sent
  }
}
