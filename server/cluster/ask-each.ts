import { inWords } from './look.ts'

/** One of several of a kind: what it said, or why it said nothing. */
export type Answered<T>
  = | { name: string, value: T, reason: null }
    | { name: string, value: null, reason: string }

type Ask<Target, T> = (target: Target, signal: AbortSignal) => Promise<T>

/** Time left to hand on what the others said, when one of them is silent until the end. */
const reserveMs = 200

/**
 * Asks all of them at the same time and says for each what became of it: one that is silent hides nothing of
 * the others.
 * @throws when none of them answers: with the first one's reason.
 */
export async function askEach<Target extends { name: string }, T>(
  targets: readonly Target[], limitMs: number, ask: Ask<Target, T>, signal: AbortSignal,
): Promise<Answered<T>[]> {
  const own = AbortSignal.any([signal, AbortSignal.timeout(limitMs - reserveMs)])
  const answers = await Promise.all(targets.map(async (target): Promise<Answered<T>> => {
    const { name } = target
    try {
      return { name, value: await ask(target, own), reason: null }
    }
    catch (error) {
      return { name, value: null, reason: own.aborted ? 'Timed out' : inWords(error) }
    }
  }))
  if (answers.every(({ value }) => value === null)) throw new Error(answers[0]?.reason ?? 'Nobody to ask')
  return answers
}

/**
 * The first that answers, of several that say the same; the others are asked only when it does not.
 * @param limitMs for all of them together: each is given an equal share.
 * @throws when none of them answers: with each one's name and reason.
 */
export async function askInTurn<Target extends { name: string }, T>(
  targets: readonly Target[], limitMs: number, ask: Ask<Target, T>, signal: AbortSignal,
): Promise<T> {
  const reasons: string[] = []
  const shareMs = Math.floor(limitMs / targets.length)
  for (const target of targets) {
    signal.throwIfAborted()
    const tooLate = AbortSignal.timeout(shareMs)
    try {
      return await ask(target, AbortSignal.any([signal, tooLate]))
    }
    catch (error) {
      reasons.push(`${target.name}: ${tooLate.aborted ? 'Timed out' : inWords(error)}`)
    }
  }
  throw new Error(reasons.join('; ') || 'Nobody to ask')
}
