import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { root } from './support/servers.ts'
import { environments, parseAll, terraformFolder, type Hcl } from './support/terraform.ts'

/** What can be said of infrastructure/terraform without Terraform: its files, read by a parser of HCL. */
let files: Map<string, Hcl>
beforeAll(async () => {
  files = await parseAll()
})

interface Guarded {
  lifecycle?: { prevent_destroy?: boolean }[]
}

const read = (path: string) => readFileSync(join(root, path), 'utf8')
/** All blocks of a type in a folder: [label, its first body]. */
function blocks(folder: string, type: string): [string, Record<string, unknown>][] {
  return [...files]
    .filter(([path]) => path.endsWith('.tf') && path.replace(/[^/]*$/, '') === folder)
    .flatMap(([, hcl]) => Object.entries(hcl[type] ?? {}) as [string, Record<string, unknown>[]][])
    .map(([label, [body]]) => [label, body!])
}
const folders = () => [
  ...new Set([...files.keys()].filter(path => path.endsWith('.tf')).map(path => path.replace(/[^/]*$/, ''))),
]
const variables = (environment: string) =>
  files.get(`environments/${environment}.tfvars`)! as Record<string, unknown>

describe('the files of infrastructure/terraform', () => {
  it('can be read, every one', () => {
    expect(files.size).toBeGreaterThan(30)
  })

  it('have the modules that the specification\'s runbook and we name', () => {
    expect(
      blocks('', 'module')
        .map(([name, { source }]) => [name, source])
        .sort(),
    ).toEqual(
      ['app', 'backup', 'database', 'dns', 'monitoring', 'networking'].map(name => [
        name,
        `./modules/${name}`,
      ]),
    )
  })

  it('are complete in each module: variables, outputs, versions, a page', () => {
    for (const folder of folders().filter(name => name !== ''))
      for (const file of ['main.tf', 'variables.tf', 'outputs.tf', 'versions.tf', 'README.md'])
        expect(existsSync(join(terraformFolder, folder, file)), folder + file).toBe(true)
  })

  it('say of each variable its type and what it is, and of each output what it is', () => {
    for (const folder of folders()) {
      for (const [name, body] of blocks(folder, 'variable'))
        expect({ type: body.type, is: body.description }, `${folder}${name}`).toEqual({
          type: expect.any(String),
          is: expect.stringMatching(/\w.*\.$/),
        })
      for (const [name, body] of blocks(folder, 'output'))
        expect(body.description, `${folder}${name}`).toMatch(/\w.*\.$/)
    }
  })

  it('ask for the same provider everywhere', () => {
    for (const folder of folders()) {
      const [, versions] = [...files].find(([path]) => path === `${folder}versions.tf`)!
      const text = JSON.stringify(versions.terraform)
      expect(text, folder).toContain('"source":"hashicorp/aws"')
      expect(text, folder).toContain('"version":"~> 5.100"')
    }
  })

  it('keep their state encrypted, locked, in a bucket that is named at the start', () => {
    const [settings] = (
      files.get('versions.tf')!.terraform as unknown as { backend: { s3: Record<string, unknown>[] } }[]
    )[0]!.backend.s3
    expect(settings).toMatchObject({ encrypt: true, use_lockfile: true })
  })

  it('tag everything with whose it is', () => {
    expect(
      JSON.stringify(files.get('versions.tf')!.provider).match(/"tags":"\$\{local\.tags\}"/g),
    ).toHaveLength(2)
    const [{ tags }] = files.get('main.tf')!.locals as unknown as [{ tags: object }]
    expect(Object.keys(tags).sort()).toEqual(['Environment', 'ManagedBy', 'Project'])
  })

  it('protect what cannot be made again: volumes, keys, buckets', () => {
    const kept = [...files.values()].flatMap((hcl) => {
      const resources = (hcl.resource ?? {}) as Record<string, Record<string, [Guarded]>>
      return ['aws_ebs_volume', 'aws_kms_key', 'aws_s3_bucket'].flatMap(type =>
        Object.entries(resources[type] ?? {}).map(([name, [body]]) => ({ name: `${type}.${name}`, body })),
      )
    })
    expect(kept.map(({ name }) => name).sort()).toEqual([
      'aws_ebs_volume.data',
      'aws_kms_key.buckets',
      'aws_kms_key.environment',
      'aws_kms_key.replica',
      'aws_s3_bucket.replica',
      'aws_s3_bucket.source',
    ])
    for (const { name, body } of kept) expect(body.lifecycle?.[0]?.prevent_destroy, name).toBe(true)
  })
})

describe('an environment', () => {
  it.each(environments)('%s sets what has no default, and nothing that is not known', (environment) => {
    const declared = new Map(blocks('', 'variable'))
    const set = Object.keys(variables(environment))
    expect(set.filter(name => !declared.has(name))).toEqual([])
    expect([...declared].filter(([name, body]) => !('default' in body) && !set.includes(name))).toEqual([])
    expect(variables(environment).environment).toBe(environment)
  })

  it('shares neither addresses nor buckets with another one', () => {
    for (const name of ['vpc_cidr', 'backup_bucket', 'uploads_bucket'])
      expect(new Set(environments.map(environment => variables(environment)[name])).size, name).toBe(4)
  })

  it('is where the specification has it: production in us-east-1, the standby in us-west-2', () => {
    expect(variables('production')).toMatchObject({
      region: 'us-east-1',
      replica_region: 'us-west-2',
      backup_bucket: 'fleet2-backups',
      public_name: 'app.fleet2.com',
    })
    expect(variables('dr')).toMatchObject({
      region: 'us-west-2',
      app_hosts: 1,
      data_hosts: 1,
      serves_public_name: false,
    })
  })

  it('that is a recovery stands where production\'s copy is, and reads it', () => {
    const production = variables('production')
    expect(variables('recovery')).toMatchObject({
      region: production.replica_region,
      serves_public_name: false,
      restore_from: { bucket: `${String(production.backup_bucket)}-replica` },
    })
  })

  it('costs less than its budget, by the estimate in docs/infrastructure.md', () => {
    const page = read('docs/infrastructure.md')
    const order = /^\| what \| (production .*) \|$/m.exec(page)![1]!.split(' | ')
    const rows = page
      .split('\n')
      .filter(line => / \| \d[\d,]* \| \d[\d,]* \| \d[\d,]* \|$/.test(line))
      .map(line => line.slice(2, -2).split(' | '))
    const figures = (cells: string[]) => cells.slice(1).map(cell => Number(cell.replaceAll(',', '')))
    const parts = rows.slice(0, -1).map(figures)
    const [name] = rows.at(-1)!
    expect(name).toBe('together')
    expect(order).toEqual(['production', 'staging', 'dr'])
    for (const [index, environment] of order.entries()) {
      const sum = parts.reduce((total, part) => total + part[index]!, 0)
      expect(figures(rows.at(-1)!)[index], environment).toBe(sum)
      expect(sum, environment).toBeLessThan(variables(environment).monthly_budget_usd as number)
    }
  })
})

describe('the retention', () => {
  const retention = () => {
    const [, body] = blocks('modules/backup/', 'variable').find(([name]) => name === 'retention_days')!
    return body.default as Record<string, number>
  }

  it('is the one of the table in docs/backup-configuration.md', () => {
    const table = read('docs/backup-configuration.md')
    for (const kind of ['daily', 'weekly', 'monthly'])
      expect(table).toMatch(
        new RegExp(`^\\| ${kind} full \\| [^|]+ \\| ${retention()[kind]} days\\b[^|]*\\|`, 'm'),
      )
    expect(table).toMatch(
      new RegExp(`^\\| WAL archive \\| [^|]+\\| [^|]*\\b${retention().wal} days\\b[^|]*\\|`, 'm'),
    )
  })

  it('is the one that backup-now.sh goes by', () => {
    const script = read('deploy/scripts/backup-now.sh')
    for (const kind of ['daily', 'weekly', 'monthly'])
      expect(script).toContain(`${kind}) keep_days=${retention()[kind]} ;;`)
  })

  it('never expires the folder that runbook 3 fetches', () => {
    const [, { rules }] = blocks('modules/backup/', 'module').find(([name]) => name === 'backups')!
    const expiring = Object.values(rules as Record<string, { prefix: string, expire_days?: string }>)
      .filter(rule => rule.expire_days)
      .map(({ prefix }) => prefix)
    expect(expiring).toHaveLength(3)
    expect(expiring.filter(prefix => 'fleet2/daily/latest/base.tar.gz'.startsWith(prefix))).toEqual([])
    expect(expiring.filter(prefix => 'fleet2/daily/20261128T020000Z/'.startsWith(prefix))).toHaveLength(1)
    expect(expiring.filter(prefix => 'pgbackrest/backup/fleet2/'.startsWith(prefix))).toEqual([])
  })
})

describe('the names', () => {
  it('of the private zone are those of the compose files, each exactly once', () => {
    const services = [
      'deploy/ha/docker-compose.ha.yml',
      'deploy/monitoring/docker-compose.monitoring.yml',
    ].flatMap(path =>
      Object.keys(
        (parseYaml(read(path), { merge: true, logLevel: 'silent' }) as { services: object }).services,
      ),
    )
    const [locals] = files.get('modules/dns/main.tf')!.locals as unknown as [
      { on_data: Record<string, string[]>, on_app: Record<string, string[]> },
    ]
    const names = [locals.on_data, locals.on_app].flatMap(hosts => Object.values(hosts).flat())
    expect(names.filter(name => !services.includes(name))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
    // Everybody who is spoken to by name: what is left has no name of its own, or speaks alone.
    const numbered = /^(patroni|etcd|sentinel|redis-(primary|replica)|pgbouncer-(primary|replica))\d?$/
    const spoken = services.filter(name => numbered.test(name) || /^(app|nginx|haproxy)\d?$/.test(name))
    expect(spoken.filter(name => !names.includes(name))).toEqual(['app'])
  })
})
