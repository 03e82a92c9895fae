import { join } from 'node:path'
import { withPackages } from '../debian/root-files.ts'

/** What the engine needs in a root file system of its own. */
const packages = [
  'docker.io', 'docker-cli', 'docker-compose', 'docker-buildx', 'tini', 'iptables', 'iproute2', 'kmod',
  'ca-certificates',
]

/** Debian's engine in a root file system of its own, made once. Resolves to its folder. */
export function engineFiles(cache: string): Promise<string> {
  return withPackages(join(cache, 'engine'), { cache, suite: 'trixie', packages })
}
