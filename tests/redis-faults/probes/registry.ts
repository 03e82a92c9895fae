import { defineProbe } from '../probe.ts'

interface Report { status: string, instances: { instance: string }[] | null }

/** What an operator sees: which instances there are. */
export const probe = defineProbe<null>({
  name: 'list of instances (operator)',
  everyMs: 100,
  setup: async () => null,
  async operation(environment, _, turn) {
    const response = await fetch(`${environment.url(turn)}/api/health`, {
      signal: AbortSignal.timeout(60_000),
    })
    if (response.status !== 200) throw new Error(`health says ${response.status}`)
    const { instances } = (await response.json()) as Report
    return instances?.length === 2 ? 'normal' : 'limited'
  },
  async verifyAfter(environment) {
    const { instances } = (await (await fetch(`${environment.url(0)}/api/health`)).json()) as Report
    return { lost: 2 - (instances?.length ?? 0), of: 2 }
  },
  words: ({ failed, limited, seconds }) =>
    failed
      ? `health failed ${failed} times`
      : limited
        ? `"not known" until ${seconds!.toFixed(1)} s after the fault; health stays 200`
        : 'nothing',
})
