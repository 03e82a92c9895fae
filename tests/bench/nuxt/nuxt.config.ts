/**
 * Nuxt with nothing else, as people begin with it: the reference for what a page costs. Built by
 * pages/run.ts.
 */
export default { compatibilityDate: '2026-11-01', telemetry: false, logLevel: 'silent' }
