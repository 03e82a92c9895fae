/** Nuxt's own, which say nothing about how an instance runs: known, so that they are no typing errors. */
export const foreignVariables = ['NUXT_TELEMETRY_DISABLED']

const listensElsewhere = 'is read by nuxt dev alone, and a built instance would not listen there; set'
const notSupported = 'is not supported:'
const tlsEnds = `${notSupported} TLS ends at Nginx, or at whatever stands in front`

/**
 * Names of Nuxt's and Nitro's that a built instance would take without a word and follow half or not at all,
 * each with what to do instead.
 */
export const refusedVariables: Record<string, string> = {
  NUXT_PORT: `${listensElsewhere} PORT`,
  NUXT_HOST: `${listensElsewhere} HOST`,
  NUXT_SOCKET: `${listensElsewhere} PORT and HOST`,
  NITRO_PORT: 'is one name too many for the port; set PORT',
  NITRO_HOST: 'is one name too many for the address; set HOST',
  NITRO_UNIX_SOCKET: `${notSupported} who asks is known by its address, and a socket has none. `
    + 'Listen on the loopback: HOST=127.0.0.1',
  NITRO_SSL_CERT: tlsEnds,
  NITRO_SSL_KEY: tlsEnds,
  NUXT_SSL_CERT: tlsEnds,
  NUXT_SSL_KEY: tlsEnds,
  NUXT_APP_BASE_URL: `${notSupported} Fleet2 has a host name of its own and is served at its root`,
  NUXT_APP_CDN_URL: `${notSupported} the content security policy lets built files come from Fleet2 itself `
    + 'alone',
  NUXT_APP_BUILD_ASSETS_DIR: `${notSupported} Nginx and the service worker know the built files at /_nuxt/`,
  NITRO_SHUTDOWN_DISABLED: `${notSupported} an instance always drains; see NUXT_DRAIN_DELAY and `
    + 'NUXT_DRAIN_TIMEOUT',
  NITRO_SHUTDOWN_TIMEOUT: 'would have no effect; set NUXT_DRAIN_TIMEOUT',
  NITRO_SHUTDOWN_SIGNALS: 'would have no effect: SIGTERM and SIGINT drain',
  NITRO_SHUTDOWN_NO_FORCE_EXIT: 'would have no effect; set NUXT_DRAIN_TIMEOUT',
}
