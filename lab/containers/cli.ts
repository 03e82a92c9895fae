import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ensureCompose } from '../../tools/compose-command.ts'
import { cacheFolder, NotToBeHadError } from '../../tools/debian-archive.ts'
import { projectRoot } from '../place.ts'
import { run, step } from './commands.ts'
import { publishedPorts, readModel, secretFiles, type SetUp } from './compose-files.ts'
import { containersIn, presentEngine, removeContainersIn, startEngine, type Reach } from './engine.ts'
import { prepareImages } from './images.ts'
import type { Order } from './inside.ts'
import { lookAround, checkPrerequisites } from './refusals.ts'
import { engineFiles } from './engine-files.ts'

const cache = join(cacheFolder, 'containers')

const usage = `npm run compose:check [-- --only small|ha]

Runs the deployment's compose files by a real Docker engine: builds the images, brings the small set-up and
then the highly available one up, tries them, hurts the second one while somebody writes, and takes everything
down.

  --only   one of the two set-ups

Where no engine answers, Debian's is started in namespaces of its own (as root). What was fetched and built is
kept in ${cache}. SECRETS_DIR: a folder of secrets; without it new ones are made.`

/** There while containers may be in the engine: after a run that was killed. */
const unfinished = join(cache, 'unfinished')

const started = Date.now()
const setUps = readOptions()

/** Ended in the opposite order, whatever happens. */
const endings: (() => unknown)[] = []
let ending: Promise<void> | null = null
let child: ChildProcess | null = null

function readOptions(): SetUp[] {
  try {
    const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean' } } })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    const { only } = values
    if (only === undefined) return ['small', 'ha']
    if (only === 'small' || only === 'ha') return [only]
    throw new Error(`--only is "${only}"; it must be small or ha`)
  }
  catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

function end(): Promise<void> {
  ending ??= (async () => {
    for (const work of endings.reverse()) {
      await Promise.resolve().then(work).catch((error: Error) => console.error(error.message))
    }
  })()
  return ending
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // It takes the containers down and ends; then so do we.
    if (child) child.kill('SIGTERM')
    else void end().then(() => process.exit(1))
  })
}

/** Looks at everything that may be wrong, and refuses before anything is started. */
async function prepare() {
  const compose = ensureCompose()
  const present = presentEngine(compose)
  const given = process.env.SECRETS_DIR ? resolve(process.env.SECRETS_DIR) : null
  const folder = given ?? '/secrets'
  const models = await Promise.all(setUps.map(async (setUp) => {
    return { setUp, model: await readModel(compose, setUp, folder) }
  }))
  const ports = [...new Set(models.flatMap(({ model }) => publishedPorts(model)))]
  const reasons = checkPrerequisites({
    ...await lookAround({ cache, ports: present ? ports : [] }),
    engine: present && { version: present.version, has: await containersIn(present) },
    secretsFolder: given,
    secrets: [...new Set(models.flatMap(({ model }) => secretFiles(model, folder)))],
  })
  if (reasons.length) {
    console.error(reasons.join('\n'))
    process.exit(2)
  }
  return { models, present, secretsFolder: given ?? await makeSecrets() }
}

async function makeSecrets(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet2-secrets-'))
  endings.push(() => rmSync(folder, { recursive: true, force: true }))
  await run([join(projectRoot, 'deploy/make-secrets.sh'), folder])
  return folder
}

/** The second half, in a process where the published ports are. Resolves to whether all went well. */
function checkInside(order: Order): Promise<boolean> {
  const file = fileURLToPath(new URL('inside.ts', import.meta.url))
  const [program, ...args] = [...order.reach.inNetwork, process.execPath, file]
  const env = { ...process.env, FLEET2_CONTAINERS_ORDER: JSON.stringify(order) }
  const inside = spawn(program!, args, { stdio: 'inherit', env })
  child = inside
  return new Promise(resolve => inside.on('exit', code => resolve(code === 0)))
}

async function start(network: 'own' | 'machine', folders: string[]): Promise<Reach> {
  const engine = await startEngine({ cache, network, folders })
  endings.push(engine.stop)
  return engine.reach
}

async function check(): Promise<boolean> {
  const { models, present, secretsFolder } = await prepare()
  const folders = [projectRoot, secretsFolder]
  let reach: Reach | null = present
  if (!reach) {
    await step('Debian\'s engine, in files of its own', async () => void await engineFiles(cache))
    if (existsSync(unfinished)) await removeUnfinished(folders)
    reach = await start('machine', folders)
  }
  const made = await prepareImages({ reach, cache, models, secretsFolder })
  if (!present) {
    await endings.pop()!()
    writeFileSync(unfinished, '')
    reach = await start('own', folders)
  }
  const ok = await checkInside({ reach, setUps, secretsFolder, made })
  if (!present && (await containersIn(reach)).length === 0) rmSync(unfinished, { force: true })
  return ok
}

/** In a network of its own: the engine makes anew the links of the networks that it finds. */
async function removeUnfinished(folders: string[]): Promise<void> {
  await removeContainersIn(await start('own', folders))
  await endings.pop()!()
  rmSync(unfinished)
}

let ok = await check().catch((error: Error) => {
  console.error(error.message)
  // Nothing was begun, or nothing that could go well.
  if (error instanceof NotToBeHadError) process.exitCode = 2
  return false
})
await end()
const left = readFileSync('/proc/mounts', 'utf8').split('\n').filter(line => line.includes(cache))
if (left.length) {
  console.error(`Mounts are left behind:\n${left.join('\n')}`)
  ok = false
}
console.log(`${ok ? 'All is well' : 'FAILED'}, after ${Math.round((Date.now() - started) / 1000)} s`)
process.exit(ok ? 0 : process.exitCode ?? 1)
