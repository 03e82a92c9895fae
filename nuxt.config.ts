import { globSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resourceEndpoints } from './server/edge/resource-endpoints.ts'
import type { Nuxt } from '@nuxt/schema'

const root = fileURLToPath(new URL('.', import.meta.url))

/**
 * Nuxt takes onServerPrefetch out of the browser's code. But Vue counts the components that have one to make
 * the ids of `useId`: without it every label and field behind an icon had one id on the server and another in
 * the browser, and each page failed to hydrate.
 */
function keepServerPrefetch(_: unknown, nuxt: Nuxt) {
  const { client } = nuxt.options.optimization.treeShake.composables
  client.vue = (client.vue ?? []).filter(name => name !== 'onServerPrefetch')
}

/** The endpoints that `server/api/v1/<kind>/resource.ts` defines, and the module that each is taken from. */
const resourceParts = globSync('server/api/v1/*/resource.ts', { cwd: root }).flatMap(file =>
  Object.entries(resourceEndpoints).map(([part, { method, below }]) => {
    const kind = basename(dirname(file))
    const handler = `#resource/${kind}/${part}`
    return { handler, part, file: `${root}${file}`, route: `/api/v1/${kind}${below}`, method: method.toLowerCase() }
  }))
const resourceHandlers = resourceParts.map(({ handler, route, method }) => ({ handler, route, method }))
const resourceModules = Object.fromEntries(resourceParts.map(({ handler, part, file }) => [
  handler, `import resource from '${file}'\nexport default resource.${part}`,
]))

export default defineNuxtConfig({
  modules: ['@nuxt/ui', '@nuxt/eslint', 'nuxt-security', keepServerPrefetch],
  // Grouped by feature, as everything else is.
  imports: { dirs: ['composables/**'] },
  css: ['~/assets/main.css'],
  ui: { fonts: false },
  srcDir: '.',
  // A list of routes that every tab would fetch again and again: nothing here is prerendered.
  experimental: { appManifest: false },
  compatibilityDate: '2026-11-01',
  vite: {
    worker: { format: 'es' },
    define: process.env.HYDRATION ? { __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true' } : {},
  },
  telemetry: false,
  hooks: {
    // The table of the endpoints, for what every address answers alike: methods.
    'nitro:init': (nitro: {
      options: { virtual: Record<string, unknown> }
      scannedHandlers: { route?: string, method?: string, middleware?: boolean, lazy?: boolean }[]
      hooks: { hook(name: 'rollup:before', run: (nitro: unknown, rollup: { plugins: unknown[] }) => void): void }
    }) => {
      // Loaded at the start and not by the first request: a load that fails once (no file descriptor left)
      // is remembered by h3, and that address would answer 500 for as long as the instance lives.
      nitro.hooks.hook('rollup:before', (_, { plugins }) => {
        plugins.push({
          name: 'fleet2:endpoints-at-the-start',
          // By then Nitro has found them, and has not written how they are loaded.
          buildStart() {
            for (const handler of nitro.scannedHandlers) handler.lazy = false
          },
        })
      })
      nitro.options.virtual['#endpoints'] = () =>
        `export const endpoints = ${JSON.stringify(
          [
            ...nitro.scannedHandlers.filter(({ middleware, route }) => !middleware && route),
            ...resourceHandlers,
          ].map(({ route, method }) => ({ route, method })),
        )}`
    },
    // Ours first: problems for programs. What it leaves alone goes to Nuxt's, which shows error.vue.
    'nitro:config': (
      nitro: object & {
        errorHandler?: string | string[]
        externals?: { inline?: unknown[] }
        plugins?: string[]
        ignore?: string[]
        handlers?: { route?: string, method?: string, handler: string }[]
        virtual?: Record<string, string | (() => string | Promise<string>)>
      },
    ) => {
      // Before nuxt-security's.
      nitro.plugins = [
        fileURLToPath(new URL('server/edge/page-body.ts', import.meta.url)),
        ...nitro.plugins ?? [],
      ]
      // Left external drizzle took half a second and 120 MiB more to start.
      nitro.externals = { ...nitro.externals, inline: [...(nitro.externals?.inline ?? []), 'drizzle-orm'] }
      // One file, five addresses: Nitro, which knows one address a file, is given one of them at a time.
      nitro.ignore = [...nitro.ignore ?? [], '**/resource.ts']
      nitro.handlers = [...nitro.handlers ?? [], ...resourceHandlers]
      nitro.virtual = { ...nitro.virtual, ...resourceModules }
      Object.assign(nitro, {
        compressPublicAssets: true,
        // Ours first: problems for programs. What it leaves alone goes to Nuxt's, which shows error.vue.
        errorHandler: [
          fileURLToPath(new URL('server/error-handler.ts', import.meta.url)),
          nitro.errorHandler ?? [],
        ].flat(),
        serverAssets: [
          {
            baseName: 'migrations',
            dir: fileURLToPath(new URL('server/database/migrations', import.meta.url)),
          },
        ],
      })
    },
  },
  eslint: { config: { stylistic: true } },
  icon: {
    mode: 'svg',
    provider: 'none',
    serverBundle: false,
    clientBundle: {
      // Those of the menu are named where the features are described.
      scan: { globInclude: ['**/*.vue', 'shared/features.ts'], globExclude: ['node_modules', 'tests', '.*'] },
      sizeLimitKb: 256,
    },
  },
  // Headers and nonces alone: limits, methods and input are the edge's own business.
  security: {
    nonce: true,
    sri: true,
    rateLimiter: false,
    requestSizeLimiter: false,
    xssValidator: false,
    corsHandler: false,
    allowedMethodsRestricter: false,
    hidePoweredBy: true,
    removeLoggers: false,
    headers: {
      contentSecurityPolicy: {
        'default-src': ['\'self\''],
        'script-src': ['\'self\'', '\'nonce-{{nonce}}\'', '\'strict-dynamic\''],
        // The hash is the style sheet that the drawer's library (vaul-vue 0.4) adds at run time without a
        // nonce; a browser test notices when it changes.
        'style-src': ['\'self\'', '\'nonce-{{nonce}}\'', '\'sha256-qduYmTACIPxqL+IgvJDDRy3W6Kz0AbLtwDgNkBpoHII=\''],
        // Vue and the components set sizes and colours in style attributes; an attribute cannot load or run
        // anything.
        'style-src-attr': ['\'unsafe-inline\''],
        'img-src': ['\'self\'', 'data:', 'blob:'],
        'font-src': ['\'self\''],
        'connect-src': ['\'self\''],
        'worker-src': ['\'self\'', 'blob:'],
        'object-src': ['\'none\''],
        'base-uri': ['\'none\''],
        'form-action': ['\'self\''],
        'frame-ancestors': ['\'none\''],
        'upgrade-insecure-requests': false,
      },
      strictTransportSecurity: { maxAge: 63_072_000, includeSubdomains: true },
      referrerPolicy: 'same-origin',
      xFrameOptions: 'DENY',
      crossOriginEmbedderPolicy: false,
      crossOriginResourcePolicy: 'same-origin',
      crossOriginOpenerPolicy: 'same-origin',
      permissionsPolicy: {
        'camera': [],
        'microphone': [],
        'geolocation': [],
        'display-capture': [],
        'fullscreen': ['self'],
      },
    },
  },
})
