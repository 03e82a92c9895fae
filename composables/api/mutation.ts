import type { FieldFault } from '#shared/errors.ts'
import { useApiClient, type Api } from './api-client.ts'
import { toApiProblem, type ApiProblem } from './api-problem.ts'
import { isOrganisationChange, useOrganisationCheck, useOrganisationHeader } from '../account/organisation-change.ts'
import { noteSeen } from './freshness.ts'

export interface MutationOptions<T> {
  onDone?: (result: T) => unknown
  /** Words of the message when it is done; none: no message. */
  done?: string
}

/**
 * How long a change is tried before the person is asked. A failover of the database takes up to 15 s, and
 * some seconds of luck.
 */
export const patienceMs = 60_000

/**
 * 0.5 s doubling to 5 s, with jitter, so that many browsers do not come back as one. At least what the server
 * asked for.
 */
export function waitMs(attempt: number, problem: ApiProblem): number {
  const ceiling = Math.min(5_000, 500 * 2 ** attempt)
  return Math.max((problem.retryAfterSeconds ?? 0) * 1_000, ceiling / 2) + Math.random() * ceiling / 2
}

/**
 * Sends changes. Each intent carries one Idempotency-Key, however often it is sent: the server applies it
 * once. Lost connections and 503 are retried with jitter; when patience ends, `retry` sends the same intent
 * again, with the same key.
 *
 * @param change sends one, by the operations that it is given; what is changed comes as its second argument,
 * so that a repeat sends the same.
 *
 * `state`: idle, sending, waiting (for a server that is away), failed, done. `fieldErrors` has the form that
 * UForm's `setErrors` takes.
 */
export function useMutation<T, Input = void>(
  change: (api: Api, input: Input) => Promise<T>, options: MutationOptions<T> = {},
) {
  const state = ref<'idle' | 'sending' | 'waiting' | 'failed' | 'done'>('idle')
  const problem = shallowRef<ApiProblem | null>(null)
  const fieldErrors = computed(
    () =>
      problem.value?.errors.map(({ path, message }: FieldFault) => ({
        name: path,
        message: `${message[0]!.toUpperCase()}${message.slice(1)}`,
      })) ?? [],
  )
  const busy = computed(() => state.value === 'sending' || state.value === 'waiting')
  const toast = useToast()
  const route = useRoute()
  const router = useRouter()
  const organisation = useOrganisationHeader()
  const checkOrganisation = useOrganisationCheck()
  let intent: { input: Input, key: string } | null = null
  /** Of what is being sent. */
  let key = ''
  const api = useApiClient({
    headers: () => ({ ...organisation(), 'Idempotency-Key': key }),
    onAnswer: ({ headers }) => noteSeen(headers.get('fleet2-consistency')),
  })
  let abandoned = false

  async function send(): Promise<T | undefined> {
    const { input } = intent!
    key = intent!.key
    const until = Date.now() + patienceMs
    problem.value = null
    for (let attempt = 0; ; attempt++) {
      state.value = 'sending'
      try {
        const result = await change(api, input)
        state.value = 'done'
        intent = null
        if (options.done) toast.add({ title: options.done, color: 'success', icon: 'i-lucide-check' })
        await options.onDone?.(result)
        return result
      }
      catch (error) {
        const failed = toApiProblem(error)
        const wait = waitMs(attempt, failed)
        if (failed.isPassing && failed.status !== 429 && !abandoned && Date.now() + wait < until) {
          problem.value = failed
          state.value = 'waiting'
          await new Promise(resolve => setTimeout(resolve, wait))
          continue
        }
        problem.value = failed
        state.value = 'failed'
        // Something was said against the request: the next try is another intent.
        if (!failed.isPassing) intent = null
        if (isOrganisationChange(failed)) await checkOrganisation()
        if (failed.status === 401 && !route.meta.public)
          await router.push({ path: '/sign-in', query: { returnTo: route.fullPath } })
        return undefined
      }
    }
  }

  onScopeDispose(() => {
    abandoned = true
  })

  return {
    state: readonly(state),
    problem,
    fieldErrors,
    busy,
    /** Begins a new intent. Resolves to the answer, or to undefined if it failed; `problem` says why. */
    mutate(input: Input): Promise<T | undefined> {
      if (busy.value) return Promise.resolve(undefined)
      intent = { input, key: crypto.randomUUID() }
      return send()
    },
    /** Sends the last intent again, with its key. */
    retry: () => intent ? send() : Promise.resolve(undefined),
    reset() {
      if (!busy.value) state.value = 'idle'
      problem.value = null
      intent = null
    },
  }
}
