import { connect, type Socket } from 'node:net'
import { controlSocket } from '../place.ts'
import type { Unit } from './plan.ts'
import type { Hurt, NodeName, UnitStatus } from '../types.ts'

/** What can be asked of the supervisor: one line of JSON each way. */
export interface Requests {
  status: { asked: object, answer: Record<NodeName, { hurt: Hurt[], units: UnitStatus[] }> }
  start: { asked: { node: NodeName }, answer: null }
  stop: { asked: { node: NodeName, limitMs?: number }, answer: number | null }
  crash: { asked: { node: NodeName, restart: boolean }, answer: null }
  kill: { asked: { node: NodeName, process: string, signal: string }, answer: number[] }
  freeze: { asked: { node: NodeName, unit?: string }, answer: null }
  thaw: { asked: { node: NodeName }, answer: null }
  cut: { asked: { node: NodeName, drop: boolean, from?: NodeName[] }, answer: null }
  slow: { asked: { node: NodeName, delayMs: number, lossPercent: number }, answer: null }
  slowDisk: { asked: { node: NodeName, operationsPerSecond: number }, answer: null }
  setClock: { asked: { node: NodeName, offsetSeconds: number }, answer: null }
  heal: { asked: { node: NodeName }, answer: null }
  setUnits: { asked: { node: NodeName, units: Unit[] }, answer: null }
  shutdown: { asked: object, answer: null }
}

type Handled<Answer> = Answer extends null ? unknown : Answer | Promise<Answer>

/** What is asked for its effect alone answers null, whatever its handler returns. */
export type Handlers = {
  [Name in keyof Requests]: (asked: Requests[Name]['asked']) => Handled<Requests[Name]['answer']>
}

/** Longer than the longest stop (grace period) it may have to wait for. */
const answerLimitMs = 120_000

/**
 * Asks the supervisor. @throws when none runs, when it refuses, or when it does not answer within its limit.
 */
export function ask<Name extends keyof Requests>(
  name: Name,
  asked: Requests[Name]['asked'],
): Promise<Requests[Name]['answer']> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlSocket)
    let text = ''
    socket.setTimeout(answerLimitMs, () =>
      socket.destroy(
        new Error(`The lab's supervisor did not answer "${name}" within ${answerLimitMs / 1000} s`),
      ),
    )
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        ['ENOENT', 'ECONNREFUSED'].includes(error.code ?? '')
          ? new Error('The lab\'s supervisor does not run. npm run ha:down cleans up what is left.')
          : error,
      ),
    )
    socket.on('data', data => (text += String(data)))
    socket.on('end', () => {
      try {
        const { answer, error } = JSON.parse(text) as { answer: Requests[Name]['answer'], error?: string }
        if (error === undefined) resolve(answer)
        else reject(new Error(error))
      }
      catch {
        reject(new Error('The lab\'s supervisor ended before it had answered'))
      }
    })
    socket.write(`${JSON.stringify({ name, asked })}\n`)
  })
}

/** The supervisor's side of one connection: one question, one answer. */
export function answerRequests(socket: Socket, handlers: Handlers): void {
  let text = ''
  socket.on('error', () => socket.destroy())
  socket.on('data', async (data) => {
    text += String(data)
    if (!text.endsWith('\n')) return
    const { name, asked } = JSON.parse(text) as { name: keyof Handlers, asked: never }
    text = ''
    try {
      socket.end(JSON.stringify({ answer: await handlers[name](asked) ?? null }))
    }
    catch (error) {
      socket.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }))
    }
  })
}
