import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  startBalancer,
  startInstance,
  type Answer,
  type Balancer,
  type TinyInstance,
} from './support/balancer.ts'

/** Connections of Nginx to the instances that are kept at once; Nginx keeps 32 for each worker. */
const connections = 24
/** Node closes an idle connection 5 s after its last answer, and grants one second more. */
const nodeClosesMs = 6_000

let instances: TinyInstance[]
let nginx: Balancer
beforeAll(async () => {
  instances = await Promise.all(['app1', 'app2', 'app3'].map(name => startInstance(name)))
  nginx = await startBalancer(instances)
})
afterAll(async () => {
  await nginx?.stop()
  await Promise.all(instances.map(instance => instance.kill()))
})

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, Math.max(0, ms)))

/**
 * A change without a key: Nginx may not send it a second time, so a connection that ends under it is
 * somebody's error.
 */
const change = () => nginx.ask('POST', '/api/v1/vehicles', { body: '{}' })

/**
 * So many requests at once that as many connections are open afterwards, and idle. Resolves to the moment
 * from which Node counts.
 */
async function fill(): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: connections }, () => nginx.ask('POST', '/api/v1/vehicles?wait=300', { body: '{}' })),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: connections }, () => 200))
  return performance.now()
}

const refused = (answers: Answer[]) =>
  answers.filter(({ status }) => status !== 200).map(({ status }) => status)

describe('a connection that Nginx keeps to an instance', () => {
  it('is given up before the instance closes it: changes without a key after pauses of 5.9 to 6.1 s all arrive', async () => {
    const since = await fill()
    const answers = await Promise.all(
      Array.from({ length: connections }, async (_, index) => {
        await pause(since + nodeClosesMs - 100 + (index * 200) / connections - performance.now())
        return change()
      }),
    )
    expect(refused(answers)).toEqual([])
  })

  it('is given up early enough for an Nginx that is held for a moment when the instance closes', async () => {
    const since = await fill()
    await pause(since + nodeClosesMs - 500 - performance.now())
    await nginx.signalWorkers('SIGSTOP')
    // They wait in Nginx's buffers, in front of the news that the instance has closed.
    const asked = Array.from({ length: connections }, change)
    await pause(since + nodeClosesMs + 500 - performance.now())
    await nginx.signalWorkers('SIGCONT')
    expect(refused(await Promise.all(asked))).toEqual([])
  })
})
