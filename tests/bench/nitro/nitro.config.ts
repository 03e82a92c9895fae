/** A bare Nitro server with three routes: what the benchmarks compare with. Built and started by run.ts. */
export default {
  compatibilityDate: '2026-11-01',
  preset: 'node-server',
  rootDir: import.meta.dirname,
  srcDir: import.meta.dirname,
  logLevel: 0,
  // The whole tree's tsconfig is Nuxt's; these files are checked with it.
  typescript: { generateTsConfig: false },
}
