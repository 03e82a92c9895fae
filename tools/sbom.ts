import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }

/** The bill of materials, in CycloneDX, as far as this looks into it. */
export interface Bom {
  bomFormat: string
  specVersion: string
  metadata: { component: { name: string, version: string } }
  components: Component[]
  dependencies: { ref: string, dependsOn?: string[] }[]
}
export interface Component {
  'bom-ref': string
  'name': string
  'version': string
  'purl': string
}

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
/** Beside the build that it tells of; never in the repository. */
const target = join(root, '.output/sbom.cdx.json')

/** name@version of all that the lock file does not call a matter of development alone. */
async function neededByTheApplication(): Promise<Set<string>> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as
    { packages: Record<string, { version: string, dev?: boolean }> }
  const entries = Object.entries(packages).filter(([path, { dev }]) => path && !dev)
  return new Set(entries.map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`))
}

/**
 * What is installed for the application, by npm's own `npm sbom`, as it is on this machine: the packages of
 * other platforms are not in it. @throws with npm's words where the installed tree is not the lock file's.
 */
export async function productionBom(): Promise<Bom> {
  // Not --omit=dev: it leaves out every package that anything has among its development dependencies, zod and
  // Vue's compiler among them (npm 11.19); what is development's the lock file says. And no look at peers:
  // some libraries ask for another one's next version or the one before, and `overrides` has decided.
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--legacy-peer-deps']
  const { stdout } = await run('npm', args, { cwd: root, maxBuffer: 1e8 })
  const bom = JSON.parse(stdout) as Bom
  const needed = await neededByTheApplication()
  const components = bom.components.filter(({ name, version }) => needed.has(`${name}@${version}`))
  // npm calls it by its folder.
  bom.metadata.component.name = packageJson.name
  const kept = new Set([`${packageJson.name}@${packageJson.version}`])
  for (const component of components) kept.add(component['bom-ref'])
  const dependencies = bom.dependencies.filter(({ ref }) => kept.has(ref))
    .map(one => ({ ...one, dependsOn: one.dependsOn?.filter(ref => kept.has(ref)) }))
  return { ...bom, components, dependencies }
}

/** `npm run sbom [FILE]`: writes it to FILE, .output/sbom.cdx.json by default. */
if (import.meta.filename === process.argv[1]) {
  const file = process.argv[2] ?? target
  const bom = await productionBom()
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify(bom, null, 2)}\n`)
  console.log(`${file}: ${bom.components.length} packages, CycloneDX ${bom.specVersion}`)
}
