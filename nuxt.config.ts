export default defineNuxtConfig({
  compatibilityDate: '2026-11-01',
  srcDir: '.',
  telemetry: false,
  modules: ['@nuxt/ui', '@nuxt/eslint', 'nuxt-security'],
  css: ['~/assets/main.css'],
  ui: { fonts: false },
  icon: { provider: 'none', serverBundle: false, clientBundle: { scan: true, sizeLimitKb: 256 } },
  vite: { worker: { format: 'es' } },
})
