import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readdirSync } from 'node:fs'
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parse } from '@cdktn/hcl2json'
import { root, run } from './servers.ts'

export const terraformFolder = join(root, 'infrastructure/terraform')
export const environments = ['production', 'staging', 'dr', 'recovery'] as const
export type Environment = (typeof environments)[number]

/** A file of HCL as JSON: blocks by type and labels, each a list; expressions as "${…}". */
export type Hcl = Record<string, Record<string, unknown>>

/** Every file of HCL, by its path in infrastructure/terraform. Throws where one cannot be parsed. */
export async function parseAll(): Promise<Map<string, Hcl>> {
  const paths = ['**/*.tf', '**/*.tfvars', '**/*.hcl'].flatMap(pattern =>
    globSync(join(terraformFolder, pattern), { exclude: name => name.endsWith('.terraform') }),
  )
  const files = await Promise.all(
    paths.map(async (path): Promise<[string, Hcl]> => [
      relative(terraformFolder, path),
      (await parse(path, await readFile(path, 'utf8'))) as Hcl,
    ]),
  )
  return new Map(files.sort(([a], [b]) => a.localeCompare(b)))
}

/** Where a folder with providers may stand: Terraform's own places on Linux, /opt, and whatever is named. */
function pluginFolders(): string[] {
  const named = process.env.FLEET2_TERRAFORM_PLUGINS
  if (named) return [named]
  return [
    join(homedir(), '.terraform.d/plugins'),
    join(homedir(), '.local/share/terraform/plugins'),
    '/usr/local/share/terraform/plugins',
    '/usr/share/terraform/plugins',
    ...globSync('/opt/*/registry.terraform.io').map(path => dirname(path)),
  ]
}

const provider = 'registry.terraform.io/hashicorp/aws'
const fits = (version: string) => /^5\.\d{3,}\./.test(version)

/** Terraform and a folder with the provider that the files ask for; or why they cannot be used. */
export function findTerraform(): { plugins: string } | { missing: string } {
  let version: string
  try {
    const env = { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1' }
    const text = execFileSync('terraform', ['version', '-json'], { encoding: 'utf8', env })
    version = (JSON.parse(text) as { terraform_version: string }).terraform_version
  }
  catch {
    return { missing: 'terraform (1.11 or newer) is not on the PATH' }
  }
  // Values of made-up resources in a plan (override_during) are 1.11's.
  const [major, minor] = version.split('.').map(Number)
  if (major !== 1 || minor! < 11) return { missing: `terraform ${version} is there, 1.11 or newer is needed` }
  const places = pluginFolders()
  const plugins = places.find(
    place => existsSync(join(place, provider)) && readdirSync(join(place, provider)).some(fits),
  )
  if (plugins) return { plugins }
  return {
    missing:
      `the provider hashicorp/aws ~> 5.100 is in none of ${places.join(', ')}; `
      + 'FLEET2_TERRAFORM_PLUGINS may name the folder',
  }
}

export interface Resource {
  address: string
  type: string
  /** What is known before anything is made; what is not known is absent. */
  values: Record<string, unknown>
}

interface Change {
  address: string
  mode: string
  type: string
  change: { after: Record<string, unknown> }
}

/** A line of `terraform test -json -verbose`. */
interface Message {
  diagnostic?: { summary: string, detail: string }
  test_plan?: { resource_changes: Change[] }
  test_summary?: { passed: number, failed: number, errored: number }
}

/** What the variable files leave to the one who restores. */
const byHand: Partial<Record<Environment, string[]>> = {
  recovery: [
    '-var',
    `restore_from=${JSON.stringify({
      bucket: 'fleet2-backups-replica',
      kms_key_arn: 'arn:aws:kms:us-west-2:111122223333:key/copy',
    })}`,
  ],
}

/** A copy of the files with the provider beside it, so that nothing is written into the checkout. */
export async function openTerraform(plugins: string) {
  const folder = await mkdtemp(join(tmpdir(), 'fleet2-terraform-'))
  const work = join(folder, 'terraform')
  await cp(terraformFolder, work, { recursive: true, filter: path => !path.includes('.terraform') })
  const configuration = join(folder, 'cli.tfrc')
  // No `direct`: nothing is fetched.
  await writeFile(
    configuration,
    `provider_installation {
    filesystem_mirror { path = ${JSON.stringify(plugins)} }
  }`,
  )
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    TF_CLI_CONFIG_FILE: configuration,
    CHECKPOINT_DISABLE: '1',
  }
  const terraform = (args: string[], more: Record<string, string> = {}) =>
    run('terraform', args, { cwd: work, env: { ...env, ...more }, maxBuffer: 64 << 20 })
  await terraform(['init', '-backend=false', '-input=false', '-no-color'])

  return {
    folder,
    terraform,
    /** Runs tests/*.tftest.hcl with an environment's values; gives what Terraform would make. */
    async plan(environment: Environment, args: string[] = byHand[environment] ?? []): Promise<Resource[]> {
      const file = `-var-file=environments/${environment}.tfvars`
      const { stdout } = await terraform(['test', '-json', '-verbose', file, ...args], {
        TF_WORKSPACE: environment,
      }).catch((error: { stdout: string }) => error)
      const messages = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as Message)
      const said = messages.flatMap(({ diagnostic }) =>
        diagnostic ? `${diagnostic.summary}: ${diagnostic.detail}` : [],
      )
      const summary = messages.find(message => message.test_summary)?.test_summary
      if (!summary || summary.passed === 0 || summary.failed + summary.errored > 0)
        throw new Error(`terraform test, ${environment}: ${said.join('\n')}`)
      const changes = messages.find(message => message.test_plan)!.test_plan!.resource_changes
      return changes
        .filter(({ mode }) => mode === 'managed')
        .map(({ address, type, change }) => ({ address, type, values: change.after }))
    },
  }
}
