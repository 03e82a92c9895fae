import { fileURLToPath } from 'node:url'

/**
 * A bare Nitro server with the routes that the benchmarks compare with. Built and started by run.ts. One of
 * them uses Fleet2's own router.
 */
export default {
  compatibilityDate: '2026-11-01',
  preset: 'node-server',
  rootDir: import.meta.dirname,
  srcDir: import.meta.dirname,
  logLevel: 0,
  alias: {
    '#server': fileURLToPath(new URL('../../../server', import.meta.url)),
    '#shared': fileURLToPath(new URL('../../../shared', import.meta.url)),
  },
  esbuild: { options: { target: 'node22' } },
  // As in nuxt.config.ts.
  externals: { inline: ['drizzle-orm'] },
  // The whole tree's tsconfig is Nuxt's; these files are checked with it.
  typescript: { generateTsConfig: false },
}
