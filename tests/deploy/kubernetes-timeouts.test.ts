import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { objectsOf } from '../../deploy/kubernetes/objects.ts'
import {
  broken, kubernetesChain, withKubernetesTables, type KubernetesTimeouts,
} from '../../deploy/kubernetes/timeouts.ts'
import type { Timeouts } from '../../deploy/timeouts.ts'
import { overlays, render } from './support/kubernetes.ts'

describe('the chain of time-outs in Kubernetes', () => {
  const chain = kubernetesChain(objectsOf('base'))

  it('contradicts itself nowhere', () => {
    expect(broken(chain)).toEqual([])
  })

  it.each(overlays)('is the same in %s, whatever else that changes', async (overlay) => {
    expect(kubernetesChain(await render(overlay))).toEqual(chain)
  })

  it('is the one that docs/timeouts.md shows (npm run docs writes it)', () => {
    const page = readFileSync(new URL('../../docs/timeouts.md', import.meta.url), 'utf8')
    expect(page).toBe(withKubernetesTables(page, objectsOf('base')))
  })

  const slips: [string, { shared?: Partial<Timeouts>, own?: Partial<KubernetesTimeouts> }, string][] = [
    ['Kubernetes\' default grace of 30 s', { shared: { appGrace: 30 } },
      'stop_grace_period > drain time-out, > worker_shutdown_timeout'],
    ['a grace that forgets the preStop', { shared: { nginxGrace: 35 } },
      'terminationGracePeriodSeconds of Nginx > preStop + worker_shutdown_timeout'],
    ['an Nginx that ends at once', { own: { nginxPause: 0 } }, 'preStop of Nginx >= NUXT_DRAIN_DELAY'],
    ['Kubernetes\' default readiness', { own: { readyEvery: 10 } },
      'readiness: patience <= period, and out within 10 s'],
    ['a liveness that kills whoever waits for a failover', { own: { aliveEvery: 5 } },
      'liveness takes longer than the longest request'],
    ['a rollout that waits for nobody', { own: { minReady: 0 } },
      'minReadySeconds > DNS + the checker\'s successes'],
    ['a lease that ends before it is renewed', { own: { lease: 5 } },
      'leaseDurationSeconds > renewDeadlineSeconds > 1.2 x retryPeriodSeconds'],
    ['a lease of a minute', { own: { lease: 60, leaseRenew: 40 } },
      'a lost lease alone < the browser\'s patience - 10 s'],
    ['CloudNativePG\'s switchover of an hour', { own: { switchover: 3600 } }, 'stopDelay > switchoverDelay'],
    ['a Pooler with PgBouncer\'s own server_login_retry', { shared: { pgbouncerLoginRetry: 15 } },
      'PgBouncer server_login_retry <= 1 s'],
  ]

  it.each(slips)('refuses %s', (_, { shared, own }, rule) => {
    expect(broken({ shared: { ...chain.shared, ...shared }, own: { ...chain.own, ...own } })).toContain(rule)
  })
})
