import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pipe, run, step } from './commands.ts'
import { basesIn, dockerfileOf, filesOf, foreignImages, type Model, type SetUp } from './compose-files.ts'
import type { Reach } from './engine.ts'
import { rootFiles, type Suite } from '../debian/root-files.ts'

/**
 * Stand-ins for images of other people's, for where no registry answers: made from Debian's packages under
 * the very names that the compose files ask for, with the users, paths and (shortened) entry points of the
 * real ones. What is different is the version, which is printed. The file is base/Dockerfile.NAME.
 */
const standIns: { image: RegExp, name: string, suite: Suite }[] = [
  { image: /^node:/, name: 'node', suite: 'trixie' },
  { image: /^postgres:/, name: 'postgres', suite: 'forky' },
  { image: /^redis:/, name: 'redis', suite: 'forky' },
  { image: /^haproxy:/, name: 'haproxy', suite: 'forky' },
  { image: /^quay\.io\/coreos\/etcd:/, name: 'etcd', suite: 'forky' },
  { image: /^nginx:/, name: 'nginx', suite: 'forky' },
  { image: /^fleet2-patroni:/, name: 'patroni', suite: 'forky' },
]
const base = fileURLToPath(new URL('base', import.meta.url))

/** Says of an image that it is a stand-in. */
const label = 'org.fleet2.stand-in'

/** A registry that has not answered by then is taken for none. */
const registryLimitMs = 15_000

/**
 * Has every image that the set-ups need in the engine: pulled where a registry answers, else a stand-in, and
 * ours built. Resolves to the names of those that are stand-ins.
 */
export async function prepareImages({ reach, cache, models, secretsFolder }: {
  reach: Reach
  cache: string
  models: { setUp: SetUp, model: Model }[]
  secretsFolder: string
}): Promise<string[]> {
  const made = new Set<string>()
  const silent = new Set<string>()
  for (const image of new Set(models.flatMap(({ model }) => foreignImages(model)))) {
    const present = await standInLabel(reach, image)
    if (present === null && await pull(reach, image, silent)) continue
    if (present === null) await makeStandIn(reach, cache, image)
    if (present !== '') made.add(image)
  }
  // The last one has all that those before it have.
  const { model, setUp } = models.at(-1)!
  for (const [service, image, from] of ours(model)) {
    // Made by pip from PyPI, on PostgreSQL's image: where that is a stand-in, this one is too.
    const postgres = image.startsWith('fleet2-patroni:') && from.find(other => made.has(other))
    if (!postgres) {
      await step(`building ${image}`, () => buildOurs(reach, setUp, service, secretsFolder))
      continue
    }
    const there = await standInLabel(reach, image)
    if (!there) await makeStandIn(reach, cache, image, { POSTGRES_IMAGE: postgres })
    made.add(image)
  }
  return [...made].sort()
}

/** One service for each image that we build, with what that is built from. */
function ours({ services }: Model): [service: string, image: string, from: string[]][] {
  const seen = new Set<string>()
  return Object.entries(services).flatMap(([service, { image, build }]) => {
    if (!build || seen.has(image)) return []
    seen.add(image)
    return [[service, image, basesIn(readFileSync(dockerfileOf(build), 'utf8'))]]
  })
}

/** Null: the engine has no such image. Otherwise what it is labelled with, empty for the real one. */
async function standInLabel({ docker }: Reach, image: string): Promise<string | null> {
  const command = [...docker, 'image', 'inspect', '--format', `{{ index .Config.Labels "${label}" }}`, image]
  return run(command).then(text => text.trim().replace('<no value>', ''), () => null)
}

/** Of a Dockerfile. */
type Args = Record<string, string>

async function pull({ docker }: Reach, image: string, silent: Set<string>): Promise<boolean> {
  const registry = /^[^/]+\.[^/]+(?=\/)/.exec(image)?.[0] ?? 'Docker Hub'
  if (silent.has(registry)) return false
  const asked = run([...docker, 'manifest', 'inspect', image], { limitMs: registryLimitMs })
  if (!await asked.then(() => true, () => false)) {
    silent.add(registry)
    console.log(`          ${registry} does not answer: stand-ins are made from Debian's packages`)
    return false
  }
  await step(`pulling ${image}`, async () => void await run([...docker, 'pull', '--quiet', image]))
  return true
}

async function makeStandIn(reach: Reach, cache: string, image: string, args: Args = {}): Promise<void> {
  const suite = /^debian:(\w+)-slim$/.exec(image)?.[1]
  if (suite) return importDebian(reach, cache, suite as Suite)
  const standIn = standIns.find(({ image: pattern }) => pattern.test(image))
  if (!standIn) throw new Error(`No registry gives ${image}, and lab/containers/base has no stand-in for it.`)
  await importDebian(reach, cache, standIn.suite)
  const context = mkdtempSync(join(tmpdir(), 'fleet2-base-'))
  try {
    cpSync(base, context, { recursive: true })
    if (standIn.name === 'node') await giveNode(context, image)
    await step(`making a stand-in for ${image}`, async () => {
      const given = Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
      await pipe(['tar', '-C', context, '-c', '.'], [
        ...reach.docker, 'build', '--quiet', '--network', 'host', ...given,
        '--label', `${label}=${standIn.name}`, '-t', image, '-f', `Dockerfile.${standIn.name}`, '-',
      ])
    })
  }
  finally {
    rmSync(context, { recursive: true, force: true })
  }
}

/** The real Node.js, of the version that the image's name says, npm, and what this machine trusts. */
async function giveNode(context: string, image: string): Promise<void> {
  const version = /^node:([\d.]+)/.exec(image)?.[1]
  const folder = mkdtempSync(join(tmpdir(), 'fleet2-node-'))
  try {
    const unpack = 'mkdir "$0" && cd "$0" && npm pack --silent "$1" && tar -xzf *.tgz'
    await run(['sh', '-c', unpack, join(folder, 'node'), `node-linux-${process.arch}@${version}`])
    await run(['sh', '-c', unpack, join(folder, 'npm'), 'npm@11'])
    copyFileSync(join(folder, 'node/package/bin/node'), join(context, 'node'))
    cpSync(join(folder, 'npm/package'), join(context, 'npm'), { recursive: true })
  }
  finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const authorities = '/etc/ssl/certs/ca-certificates.crt'
  if (!existsSync(authorities)) throw new Error(`${authorities} is missing: install ca-certificates`)
  copyFileSync(authorities, join(context, 'ca-certificates.crt'))
}

async function importDebian(reach: Reach, cache: string, suite: Suite): Promise<void> {
  const image = `debian:${suite}-slim`
  if (await standInLabel(reach, image) !== null) return
  await step(`making a stand-in for ${image}`, async () => {
    const folder = await rootFiles(cache, suite)
    const changes = ['CMD ["bash"]', `LABEL ${label}=debian`].flatMap(change => ['--change', change])
    const without = ['./proc/*', './sys/*'].map(path => `--exclude=${path}`)
    const tar = ['tar', '-C', folder, ...without, '-c', '.']
    await pipe(tar, [...reach.docker, 'import', ...changes, '-', image])
  })
}

/** In the machine's network, where the package registries are. */
async function buildOurs({ compose }: Reach, setUp: SetUp, service: string, secretsFolder: string) {
  const network = JSON.stringify({ services: { [service]: { build: { network: 'host' } } } })
  const command = [...compose, ...filesOf(setUp, '-'), 'build', '--quiet', service]
  await run(command, { input: network, env: { SECRETS_DIR: secretsFolder } })
}

/** Size and name of what the set-up ran from, and whether it is a stand-in. */
export async function imageTable({ docker }: Reach, { services }: Model, made: string[]): Promise<string[]> {
  const images = [...new Set(Object.values(services).map(({ image }) => image))].sort()
  return Promise.all(images.map(async (image) => {
    const size = await run([...docker, 'image', 'inspect', '--format', '{{ .Size }}', image])
    const note = made.includes(image) ? '  (a stand-in, of Debian\'s packages)' : ''
    return `${String(Math.round(Number(size) / 1e6)).padStart(6)} MB  ${image}${note}`
  }))
}
