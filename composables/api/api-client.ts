import createClient, { type Client, type ClientPathsWithMethod, type MaybeOptionalInit } from 'openapi-fetch'
import type { paths } from '#shared/api/types.ts'
import { ApiProblem } from './api-problem.ts'

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Path<M extends Method> = ClientPathsWithMethod<Client<paths>, M>
type Init<M extends Method, P extends Path<M>> = MaybeOptionalInit<paths[P], M>

/** What an operation answers when it went well; undefined where it says nothing. */
type AnswerOf<Operation> = Operation extends { responses: infer Responses }
  ? 204 extends keyof Responses ? undefined
    : Responses[keyof Responses & (200 | 201)] extends { content: { 'application/json': infer Body } }
      ? Body
      : never
  : never

/**
 * The API's operations by its document (`shared/api/types.ts`): a path, what it needs (`params.path`,
 * `params.query`, `body`), and what it answers.
 * @throws {ApiProblem} each of them.
 */
export type Api = {
  [M in Method]: <P extends Path<M>>(
    path: P, ...init: undefined extends Init<M, P> ? [init?: Init<M, P>] : [init: Init<M, P>]
  ) => Promise<AnswerOf<paths[P][M]>>
}

export interface ApiClientOptions {
  /** Sent with each request, as they are at that moment. */
  headers?: () => Record<string, string>
  /** Told of each answer, also of one that is a problem. */
  onAnswer?: (response: Response) => void
  onProblem?: (problem: ApiProblem) => void
}

/**
 * Asks the API, on the server in the name of the browser's session. Repeats nothing by itself. Must be called
 * in setup; what it gives may be used at any time. Most want `useApi` or `useMutation`.
 */
export function useApiClient(options: ApiClientOptions = {}): Api {
  const { headers = () => ({}), onAnswer, onProblem } = options
  const client = createClient<paths>(transport())
  const ask = (method: Method) => async (path: never, init?: object) => {
    const sent = { ...init, headers: headers() } as never
    const answer = await client.request(method, path, sent)
    const { data, error, response } = answer as { data?: unknown, error?: unknown, response: Response }
    onAnswer?.(response)
    // 304: it is what the caller has.
    if (response.ok || response.status === 304) return data
    const problem = problemOf(response, error)
    onProblem?.(problem)
    throw problem
  }
  const methods: Method[] = ['get', 'post', 'put', 'patch', 'delete']
  return Object.fromEntries(methods.map(method => [method, ask(method)])) as unknown as Api
}

/**
 * No request of ours goes there: on the server, which has no address of its own, one has to stand before the
 * path.
 */
const nowhere = 'http://server.invalid'

/** How requests are sent: in a browser by `fetch`, and on the server within this very process. */
function transport() {
  const event = import.meta.server ? useRequestEvent() : undefined
  if (!event) return { fetch: (request: Request) => takeAhead(request) ?? globalThis.fetch(request) }
  return {
    baseUrl: nowhere,
    fetch: async (request: Request) => event.fetch(request.url.slice(nowhere.length), {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      ...request.body ? { body: await request.text() } : {},
    }),
  }
}

declare global {
  interface Window {
    /** What the page has asked for before its code was there: `askAhead` of fleet.ts. */
    fleetAhead?: Promise<Response>
  }
}

/** The answer to what the page has asked for ahead, once. One that did not come is asked for again. */
function takeAhead(request: Request): Promise<Response> | null {
  const ahead = window.fleetAhead
  if (!ahead || request.method !== 'GET' || new URL(request.url).pathname !== '/api/v1/fleet') return null
  delete window.fleetAhead
  return ahead.catch(() => globalThis.fetch(request))
}

function problemOf(response: Response, said: unknown): ApiProblem {
  type Problem = Partial<ConstructorParameters<typeof ApiProblem>[0]>
  const data: Problem = typeof said === 'object' && said !== null ? said : {}
  return new ApiProblem({
    status: response.status,
    title: data.title ?? 'Something went wrong',
    detail: data.detail ?? `The server answered ${response.status}.`,
    type: data.type,
    instance: data.instance ?? response.headers.get('x-request-id') ?? undefined,
    errors: data.errors,
    retryAfterSeconds: Number(response.headers.get('retry-after')) || null,
  })
}
