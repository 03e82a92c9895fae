import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { imagesIn, pinned } from '../../tools/pin-images.ts'
import { readCompose } from './support/compose.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'tools/pin-images.ts')
const places = ['docker-compose.yml', 'Dockerfile', 'deploy']
const digest = `sha256:${'ab'.repeat(32)}`

describe('npm run images:pin', () => {
  let folder: string
  const texts = (files: string[]) => files.map(file => readFileSync(join(folder, file), 'utf8'))
  const named = () => globSync([
    'docker-compose.yml', 'Dockerfile', 'deploy/**/*compose*.yml', 'deploy/**/Dockerfile',
    'deploy/kubernetes/base/*.yaml',
  ], { cwd: folder })
  /** A docker whose registry has everything, or not this one. */
  const pin = (missing = '', ...more: string[]) => run(process.execPath, [script, folder, ...more], {
    env: { PATH: `${folder}/bin:${process.env.PATH}`, MISSING: missing },
  })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleet2-images-'))
    for (const place of places) await cp(join(root, place), join(folder, place), { recursive: true })
    await mkdir(join(folder, 'bin'))
    const docker = `#!/bin/sh
[ "$1 $2 $3" = 'buildx imagetools inspect' ] || exit 64
[ "$4" != "$MISSING" ] || { echo "ERROR: $4: not found" >&2; exit 1; }
echo '"${digest}"'
`
    await writeFile(join(folder, 'bin/docker'), docker)
    await chmod(join(folder, 'bin/docker'), 0o755)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('knows every image of other people\'s that a service, a Dockerfile or a pod is made from', () => {
    const files = [
      'docker-compose.yml', 'deploy/ha/docker-compose.ha.yml',
      'deploy/monitoring/docker-compose.monitoring.yml',
    ]
    const services = files.flatMap(file => Object.values(readCompose(file).services))
    const images = services.flatMap(({ image }) => image && !image.startsWith('fleet2-') ? [image] : [])
    const bases = ['node:24.21.0-trixie-slim', 'nginx:1.30.5', 'postgres:18.4-bookworm', 'debian:trixie-slim',
      'debian:bookworm-slim']
    const found = imagesIn(texts(named()))
    expect(found).toEqual(expect.arrayContaining([...images, ...bases]))
    expect(found.some(image => image.startsWith('ghcr.io/cloudnative-pg/postgresql:'))).toBe(true)
  })

  it('writes nothing where one image has no digest, and says which', async () => {
    const before = texts(named())
    await expect(pin('redis:7.4.11-alpine')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Nothing was written[\s\S]*redis:7\.4\.11-alpine: ERROR: .*not found/),
    })
    expect(texts(named())).toEqual(before)
  })

  it('writes each digest behind its tag, and has nothing to do the second time', async () => {
    await expect(pin('', '--check')).rejects.toMatchObject({ code: 1 })
    await pin()
    const compose = await readFile(join(folder, 'deploy/ha/docker-compose.ha.yml'), 'utf8')
    expect(compose).toContain(`  image: redis:7.4.11-alpine@${digest}\n`)
    const dockerfile = await readFile(join(folder, 'Dockerfile'), 'utf8')
    expect(dockerfile).toContain(`ARG NGINX_IMAGE=nginx:1.30.5@${digest}\n`)
    for (const text of texts(named())) expect(text).not.toMatch(/fleet2-\w+[:\w.-]*@sha256/)
    expect((await pin('', '--check')).stdout).toContain('none')
  })

  it('puts a new digest in the place of the old one', () => {
    const old = `    image: redis:7.4.11-alpine@sha256:${'00'.repeat(32)}\n`
    const digests = new Map([['redis:7.4.11-alpine', digest]])
    expect(pinned(old, digests)).toBe(`    image: redis:7.4.11-alpine@${digest}\n`)
  })
})

it('every image of ours says which version it is, of which commit and from where', () => {
  const files = ['Dockerfile', ...globSync('deploy/ha/images/*/Dockerfile', { cwd: root })]
  expect(files.length).toBe(4)
  for (const file of files) {
    // Stages that others only copy from need none.
    const stages = readFileSync(join(root, file), 'utf8').split(/^(?=FROM )/m).slice(1)
    const images = stages.filter(stage => /^(CMD|ENTRYPOINT) /m.test(stage))
    expect(images.length, file).toBe(file === 'Dockerfile' ? 2 : 1)
    for (const stage of images) {
      for (const label of ['version', 'revision', 'source']) {
        const argument = label.toUpperCase()
        expect(stage, file).toContain(`ARG ${argument}=unknown\n`)
        expect(stage, file).toContain(`org.opencontainers.image.${label}="\${${argument}}"`)
      }
      // Behind everything else: a label of another commit makes no layer anew.
      expect(stage.indexOf('LABEL '), file).toBeGreaterThan(stage.search(/^(CMD|ENTRYPOINT) /m))
    }
  }
})
