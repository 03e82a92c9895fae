/** How long an answer is waited for: 90 days take a healthy Prometheus a tenth of that. */
const answerLimitMs = 5_000

/** Of an answer: 90 days of quarters of an hour are about 200 kB. */
export const answerLimitBytes = 1_048_576

/** A value and the moment that it is of, in milliseconds since 1970. */
export interface Sample { at: number, value: number }

export interface RangeQuestion {
  query: string
  /** Milliseconds since 1970. */
  start: number
  end: number
  stepMs: number
}

/**
 * Why there is no answer, in words. Hosts stand in them, and never a whole address: it may hold a password.
 */
export class PrometheusFault extends Error {}

/**
 * Asks one after the other until one answers as it should. Samples are shares from 0 to 1; what is no number
 * (NaN: nothing was measured) is left out.
 * @throws {PrometheusFault} with what is wrong with each.
 */
export async function askPrometheus(
  urls: readonly URL[],
  question: RangeQuestion,
  limitMs = answerLimitMs,
): Promise<Sample[]> {
  const faults: string[] = []
  for (const url of urls) {
    try {
      return samplesIn(await ask(url, question, limitMs))
    }
    catch (error) {
      faults.push(`${url.host}: ${wordsOf(error, limitMs)}`)
    }
  }
  throw new PrometheusFault(faults.join('; '))
}

/** `fetch` says "fetch failed", and why in its cause. Its other messages may have the address in them. */
function wordsOf(error: unknown, limitMs: number): string {
  if (error instanceof PrometheusFault) return error.message
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${limitMs} ms`
  const cause = error instanceof Error ? error.cause as NodeJS.ErrnoException | undefined : undefined
  return `cannot be asked (${cause?.code ?? cause?.message ?? (error as Error).name})`
}

async function ask(url: URL, question: RangeQuestion, limitMs: number): Promise<string> {
  const address = `${url.origin}${url.pathname.replace(/\/$/, '')}/api/v1/query_range`
  const answer = await fetch(address, {
    method: 'POST',
    headers: authorization(url),
    body: parametersOf(question, limitMs),
    redirect: 'error',
    signal: AbortSignal.timeout(limitMs),
  })
  const text = await boundedText(answer)
  if (!answer.ok) throw new PrometheusFault(`answers ${answer.status}${errorIn(text)}`)
  return text
}

/** A user and password in the address, which fetch would refuse. */
function authorization({ username, password }: URL): Record<string, string> {
  if (!username) return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function parametersOf({ query, start, end, stepMs }: RangeQuestion, limitMs: number): URLSearchParams {
  const seconds = (ms: number) => String(ms / 1000)
  return new URLSearchParams({
    query, start: seconds(start), end: seconds(end), step: seconds(stepMs), timeout: `${limitMs}ms`,
  })
}

async function boundedText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop ends the connection: what is too large is not read to its end.
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > answerLimitBytes) throw new PrometheusFault(`answers with over ${answerLimitBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Prometheus's own words, where there are any: a query that it cannot read. */
function errorIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? `: ${error.slice(0, 200)}` : ''
  }
  catch {
    return ''
  }
}

/**
 * Reads the answer to a range query. @throws {PrometheusFault} where it is none, has several series, or
 * values that are no shares.
 */
export function samplesIn(text: string): Sample[] {
  const series = seriesIn(text)
  if (series.length > 1) {
    throw new PrometheusFault(`answers with ${series.length} series; the query must give one: max(…)`)
  }
  return (series[0] ?? []).filter(([, value]) => value !== 'NaN').map(([at, value]) => {
    const share = Number(value)
    // A mean of ones may come out as a hair more.
    if (!(share >= 0 && share <= 1 + 1e-9)) {
      throw new PrometheusFault(`answers with ${value.slice(0, 20)}; the query must give shares from 0 to 1`)
    }
    return { at: Math.round(at * 1000), value: Math.min(1, share) }
  })
}

type Pair = [at: number, value: string]

function seriesIn(text: string): Pair[][] {
  try {
    const { data } = JSON.parse(text) as { data: { resultType: unknown, result: { values: Pair[] }[] } }
    const isPair = (pair: unknown) => {
      return Array.isArray(pair) && Number.isFinite(pair[0]) && typeof pair[1] === 'string' && pair[1] !== ''
    }
    const series = data.result.map(({ values }) => values)
    const isWhole = series.every(values => Array.isArray(values) && values.every(isPair))
    if (data.resultType === 'matrix' && isWhole) return series
  }
  catch {
    // Said below.
  }
  throw new PrometheusFault('does not answer as Prometheus does to a range query')
}
