export default defineNuxtConfig({
  modules: ['@nuxt/ui', '@nuxt/eslint', 'nuxt-security'],
  css: ['~/assets/main.css'],
  ui: { fonts: false },
  srcDir: '.',
  compatibilityDate: '2026-11-01',
  vite: { worker: { format: 'es' } },
  telemetry: false,
  eslint: { config: { stylistic: true } },
  icon: { provider: 'none', serverBundle: false, clientBundle: { scan: true, sizeLimitKb: 256 } },
})
