import type { Outage } from '../measure/writes.ts'
import { step } from './commands.ts'
import type { SetUp } from './compose-files.ts'
import { containersIn, type Reach } from './engine.ts'
import { faults, hurt } from './hurt.ts'
import { imageTable } from './images.ts'
import { tryRunbook } from './runbook.ts'
import { down, openSetUp, smokeTest, up, whoIsNotWell, writablePaths, type Running } from './set-up.ts'
import { openStack } from './stack.ts'
import { outageTable } from './table.ts'
import { versions } from './versions.ts'

/** What the process in the engine's network is told by the one that started it. */
export interface Order {
  reach: Reach
  setUps: SetUp[]
  secretsFolder: string
  /** Images that are stand-ins. */
  made: string[]
}

/*
 * The second half of the check, a process of its own where the published ports are. Brings the set-ups up,
 * tries them, hurts the second one, and takes them down. Ends with 1 where anything failed.
 */
const { reach, setUps, secretsFolder, made } = JSON.parse(process.env.FLEET2_CONTAINERS_ORDER!) as Order
let current: Running | null = null
let stopping = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void stop(`Ended by ${signal}`))
}

async function stop(why: string): Promise<never> {
  // Whoever comes second waits for the first one's end of the process.
  if (stopping) return new Promise(() => {})
  stopping = true
  console.error(`\n${why}`)
  const running = current
  if (running) {
    await step('taking it down', () => down(running)).catch((error: Error) => console.error(error.message))
  }
  process.exit(1)
}

async function checkSmall(running: Running) {
  await step('small: everything is healthy', () => up(running))
  await step('small: every place that is to be written takes a file', () => writablePaths(running))
  await step('small: scripts/smoke-test.sh', () => smokeTest(running))
  console.log(`\n${(await versions(running)).join(', ')}\n`)
}

async function checkHa(running: Running) {
  await step('ha: everything is healthy', () => up(running))
  await step('ha: every place that is to be written takes a file', () => writablePaths(running))
  await step('ha: scripts/smoke-test.sh', () => smokeTest(running))
  const stack = openStack(running)
  await step('ha: an instance is made anew while a member of the database is away', async () => {
    await stack.healthy()
    await stack.kill((await stack.standby())!)
    await running.compose('up', '--detach', '--no-build', '--force-recreate', 'app1')
    await stack.healAll()
    await stack.healthy()
  })
  await step('ha: the commands of docs/runbook-commands.md', () => tryRunbook(stack))
  const outages: [string, Outage][] = []
  for (const fault of faults) {
    await step(`ha: ${fault.name}`, async () => {
      const outage = await hurt(stack, fault)
      outages.push([fault.name, outage])
      const { outageSeconds, errors, lost } = outage
      return `${outageSeconds.toFixed(1)} s without a write, ${errors} attempts failed, ${lost} lost`
    })
  }
  await step('ha: scripts/smoke-test.sh again', () => smokeTest(running))
  console.log(`\n${outageTable(outages)}\n`)
  console.log(`${(await versions(running)).join(', ')}\n`)
  console.log(`${(await imageTable(reach, running.model, made)).join('\n')}\n`)
  const wrong = outages.filter(([, { lost, twice }]) => lost || twice).map(([name]) => name)
  if (wrong.length) throw new Error(`Acknowledged writes are missing, or there twice: ${wrong.join('; ')}`)
}

try {
  for (const setUp of setUps) {
    current = await openSetUp(reach, setUp, secretsFolder)
    await (setUp === 'small' ? checkSmall : checkHa)(current)
    await step(`${setUp}: taken down`, () => down(current!))
    current = null
  }
  const left = await containersIn(reach)
  if (left.length) throw new Error(`Left behind in the engine: ${left.join(', ')}`)
}
catch (error) {
  const unwell = current ? await whoIsNotWell(current).catch(() => '') : ''
  await stop(`${error instanceof Error ? error.message : error}${unwell ? `\n\nNot well:\n${unwell}` : ''}`)
}
