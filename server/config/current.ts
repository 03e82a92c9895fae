import { version } from '../../package.json'
import { ConfigurationError, configurationExitCode, loadConfig, type Config } from './load.ts'

let loaded: Config | null = null

/**
 * The configuration of this process. A bad one ends it, before it listens, with every fault on standard error
 * and exit code 78.
 */
export function config(): Config {
  if (loaded) return loaded
  try {
    loaded = loadConfig(process.env, version)
    return loaded
  }
  catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(configurationExitCode)
  }
}
