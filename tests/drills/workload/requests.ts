import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { ApiProblem } from '../../../composables/api/api-problem.ts'
import { patienceMs, waitMs } from '../../../composables/api/mutation.ts'
import type { Attempt, Outcome } from '../history.ts'
import type { Answer, Browser } from './browser.ts'

interface Asked {
  attempts: Attempt[]
  /** The last answer; null where there was none. */
  answer: Answer | null
}

/** One request and what came of it. Never rejects. */
export async function attempt(
  browser: Browser,
  now: () => number,
  method: string,
  path: string,
  options: Parameters<Browser['send']>[2] = {},
): Promise<{ attempt: Attempt, answer: Answer | null }> {
  const startedAt = now()
  try {
    const answer = await browser.send(method, path, options)
    browser.noteSeen(answer.headers['fleet2-consistency'])
    const saysUnchanged = answer.status >= 400 && /nothing was changed/i.test(JSON.stringify(answer.body))
    return {
      answer,
      attempt: {
        startedAt,
        endedAt: now(),
        status: answer.status,
        ...seenIn(answer.headers),
        error: null,
        ...(saysUnchanged ? { saysUnchanged } : {}),
      },
    }
  }
  catch (error) {
    return {
      answer: null,
      attempt: {
        startedAt,
        endedAt: now(),
        status: 0,
        instance: null,
        staleSeconds: null,
        requestId: null,
        error: error instanceof Error ? error.message : String(error),
      },
    }
  }
}

function seenIn(headers: IncomingHttpHeaders): Pick<Attempt, 'instance' | 'staleSeconds' | 'requestId'> {
  const text = (name: string) => typeof headers[name] === 'string' ? headers[name] : null
  const stale = text('fleet2-stale')
  return {
    instance: text('x-fleet2-instance'),
    staleSeconds: stale === null ? null : Number(stale),
    requestId: text('x-request-id'),
  }
}

/**
 * A look: the page asks once, as `useQuery` does, and for nothing older than it has shown. What Nginx repeats
 * is its own affair. `page`: the browser itself asks, for HTML.
 */
export async function ask(
  browser: Browser,
  now: () => number,
  path: string,
  { page = false } = {},
): Promise<Asked> {
  const seen = browser.seenConsistency()
  const { attempt: one, answer } = await attempt(browser, now, 'GET', path, {
    headers: page ? { accept: 'text/html' } : seen ? { 'fleet2-consistency': seen } : {},
  })
  return { attempts: [one], answer }
}

/**
 * A change, as the browser's `useMutation` sends it: one Idempotency-Key for the intent, sent again with the
 * same key while the answer says that nothing was wrong with the request itself, with the very waits of the
 * real one. `done` only on 2xx.
 */
export async function change(
  browser: Browser,
  now: () => number,
  method: string,
  path: string,
  body: unknown,
): Promise<Asked & { outcome: Outcome }> {
  const key = randomUUID()
  const until = now() + patienceMs
  const attempts: Attempt[] = []
  for (let n = 0; ; n++) {
    const { attempt: one, answer } = await attempt(browser, now, method, path, {
      body,
      headers: { 'idempotency-key': key },
    })
    attempts.push(one)
    if (one.status >= 200 && one.status < 300) return { attempts, answer, outcome: 'done' }
    const problem = problemOf(one.status, answer)
    const wait = waitMs(n, problem)
    if (!problem.isPassing || problem.status === 429 || now() + wait >= until)
      return { attempts, answer, outcome: 'failed' }
    await new Promise(resolve => setTimeout(resolve, wait))
  }
}

function problemOf(status: number, answer: Answer | null): ApiProblem {
  const { title = '', type = '' } = (typeof answer?.body === 'object' ? (answer.body ?? {}) : {}) as {
    title?: string
    type?: string
  }
  return new ApiProblem({
    status,
    title,
    type,
    detail: '',
    retryAfterSeconds: Number(answer?.headers['retry-after']) || null,
  })
}
