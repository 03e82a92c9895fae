import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * `npm run images:pin`: writes the digest that a registry has for each image behind its tag, in every file
 * that names one: `redis:7.4.11-alpine` becomes `redis:7.4.11-alpine@sha256:…`. The tag stays for people to
 * read; engines go by the digest alone. Run again it asks anew: a new version is another tag and another run.
 * `--check` writes nothing, and ends with 1 where a file is not what it would write.
 */
const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const patterns = [
  'docker-compose.yml', 'Dockerfile', 'deploy/*/docker-compose.*.yml', 'deploy/ha/images/*/Dockerfile',
  'deploy/kubernetes/base/*.yaml',
]

/** `image:` and `imageName:` of YAML, `FROM` and the ARGs that FROMs go by; of a whole name with its tag. */
const before = /^(\s*(?:-\s*)?(?:image|imageName):\s*|FROM\s+|ARG\s+\w+_IMAGE=)/
const name = /([\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?(?=\s|$)/
const named = new RegExp(before.source + name.source, 'gm')
/** Ours: no registry has them before we push them. */
const ours = /^fleet2-/

/** Which of these names somebody else's images, in any of the files. */
export function imagesIn(texts: string[]): string[] {
  const found = texts.flatMap(text => [...text.matchAll(named)].map(([, , image]) => image!))
  return [...new Set(found.filter(image => !ours.test(image)))].sort()
}

/** The text with each image's digest behind its tag; one that has none is left as it is. */
export function pinned(text: string, digests: Map<string, string>): string {
  return text.replace(named, (whole, start: string, image: string) => {
    const digest = digests.get(image)
    return digest ? `${start}${image}@${digest}` : whole
  })
}

/** What the registry has behind the tag, for all platforms. @throws with the engine's words. */
async function digestOf(image: string): Promise<string> {
  const args = ['buildx', 'imagetools', 'inspect', image, '--format', '{{json .Manifest.Digest}}']
  const { stdout } = await run('docker', args, { timeout: 60_000 })
  const digest = /^"(sha256:[0-9a-f]{64})"\s*$/.exec(stdout)?.[1]
  if (!digest) throw new Error(`docker said: ${stdout.trim() || 'nothing'}`)
  return digest
}

/** All or nothing: a set of files of which some are pinned would be taken for one that is. */
async function main(folder: string, isCheck: boolean): Promise<number> {
  const paths = globSync(patterns, { cwd: folder }).map(path => join(folder, path))
  const files = await Promise.all(paths.map(async path => ({ path, text: await readFile(path, 'utf8') })))
  const digests = new Map<string, string>()
  const faults: string[] = []
  for (const image of imagesIn(files.map(({ text }) => text))) {
    await digestOf(image).then(digest => digests.set(image, digest), (error: Error & { stderr?: string }) => {
      faults.push(`${image}: ${(error.stderr || error.message).trim().split('\n').at(-1)}`)
    })
  }
  if (faults.length) {
    const help = 'Is there a docker with buildx, and do the registries answer?'
    console.error(`Nothing was written. No digest of\n  ${faults.join('\n  ')}\n${help}`)
    return 1
  }
  const changed = files.map(({ path, text }) => ({ path, text, next: pinned(text, digests) }))
    .filter(({ text, next }) => text !== next)
  if (!isCheck) await Promise.all(changed.map(({ path, next }) => writeFile(path, next)))
  const names = changed.map(({ path }) => relative(folder, path)).join(', ')
  const what = isCheck ? 'Not as the registries have it' : 'Changed'
  console.log(`${digests.size} images. ${what}: ${names || 'none'}`)
  return isCheck && changed.length ? 1 : 0
}

if (import.meta.filename === process.argv[1]) {
  const args = process.argv.slice(2)
  const folder = args.find(argument => !argument.startsWith('--')) ?? root
  process.exitCode = await main(folder, args.includes('--check'))
}
