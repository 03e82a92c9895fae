import { spawn } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** `pg` is CommonJS: bundled into a module it asks for Node's own parts by `require`. */
const requireInModules = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`

/**
 * What operators run in the image, where there is no source tree: `npm run db:migrate` and `npm run undo`.
 */
const commands = ['migrate', 'undo']

/**
 * Puts the operators' commands into the build: `.output/scripts/NAME.mjs`, each one file with everything that
 * it needs, and the migrations where it looks for them. So an image that has `.output` migrates to exactly
 * the schema that its code wants.
 */
export async function bundleCommands(): Promise<void> {
  await cp(join(root, 'server/database/migrations'), join(root, '.output/server/database/migrations'), {
    recursive: true,
  })
  const esbuild = spawn(
    join(root, 'node_modules/.bin/esbuild'),
    [
      ...commands.map(name => join(root, `scripts/${name}.ts`)),
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--target=node22',
      '--external:pg-native',
      '--log-level=warning',
      `--banner:js=${requireInModules}`,
      `--outdir=${join(root, '.output/scripts')}`,
      '--out-extension:.js=.mjs',
    ],
    { stdio: 'inherit' },
  )
  const code = await new Promise<number | null>((resolve, reject) =>
    esbuild.on('error', reject).on('exit', resolve),
  )
  if (code !== 0) throw new Error('The operators\' commands could not be bundled.')
}
