import { spawn } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** `pg` is CommonJS: bundled into a module it asks for Node's own parts by `require`. */
const requireInModules = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`

/**
 * Puts `npm run db:migrate` into the build: `.output/scripts/migrate.mjs`, one file with everything that it needs, and the migrations where it looks for
 * them. So an image that has `.output` can migrate without a source tree, and migrates to exactly the schema that its code wants.
 */
export async function bundleMigrate(): Promise<void> {
  await cp(join(root, 'server/database/migrations'), join(root, '.output/server/database/migrations'), { recursive: true })
  const esbuild = spawn(join(root, 'node_modules/.bin/esbuild'), [
    join(root, 'scripts/migrate.ts'), '--bundle', '--platform=node', '--format=esm', '--target=node22', '--external:pg-native', '--log-level=warning',
    `--banner:js=${requireInModules}`, `--outfile=${join(root, '.output/scripts/migrate.mjs')}`,
  ], { stdio: 'inherit' })
  const code = await new Promise<number | null>((resolve, reject) => esbuild.on('error', reject).on('exit', resolve))
  if (code !== 0) throw new Error('The migrate command could not be bundled.')
}
