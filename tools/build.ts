import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCommands } from './bundle-commands.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, '.output/source-hash')

/** What goes into the build. */
export const sources = [
  'app.config.ts', 'app.vue', 'assets', 'components', 'composables', 'error.vue', 'layouts',
  'middleware', 'nuxt.config.ts', 'package-lock.json', 'package.json', 'pages', 'plugins', 'public',
  'tools/bundle-commands.ts', 'scripts/migrate.ts', 'scripts/undo.ts', 'server', 'shared',
]

/**
 * Builds unless `.output` was made from these very sources: contents count, not times, which a clone sets
 * anew.
 */
export async function buildIfNeeded(): Promise<void> {
  const hash = await hashSources()
  if (
    existsSync(join(root, '.output/server/index.mjs'))
    && existsSync(stamp)
    && readFileSync(stamp, 'utf8') === hash
  )
    return
  const started = Date.now()
  console.log('Building Fleet2; this takes about half a minute the first time …')
  const output: string[] = []
  const build = spawn(process.execPath, [join(root, 'node_modules/nuxt/bin/nuxt.mjs'), 'build'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  build.stdout.on('data', data => output.push(String(data)))
  build.stderr.on('data', data => output.push(String(data)))
  // A signal to us alone must not leave it behind.
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
  const end = (signal: NodeJS.Signals) => {
    build.kill(signal)
    process.exit(1)
  }
  for (const signal of signals) process.on(signal, end)
  const code = await new Promise<number | null>(resolve => build.on('exit', resolve))
  for (const signal of signals) process.off(signal, end)
  if (code !== 0) {
    console.error(output.join(''))
    console.error('The build failed.')
    process.exit(code ?? 1)
  }
  await bundleCommands()
  writeFileSync(stamp, hash)
  console.log(`Built in ${Math.round((Date.now() - started) / 1000)} s`)
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256').update(process.version)
  for (const source of sources) {
    const path = join(root, source)
    const files = (await readdir(path, { recursive: true, withFileTypes: true }).catch(() => null))
      ?.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)).sort() ?? [path]
    for (const file of files)
      hash
        .update(file.slice(root.length))
        .update('\0')
        .update(await readFile(file).catch(() => ''))
        .update('\0')
  }
  return hash.digest('hex')
}

if (import.meta.filename === process.argv[1]) await buildIfNeeded()
