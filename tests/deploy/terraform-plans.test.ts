import { execFileSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultsOf } from './support/terraform-faults.ts'
import {
  environments,
  findTerraform,
  openTerraform,
  type Environment,
  type Resource,
} from './support/terraform.ts'

interface LifecycleRule {
  id: string
  status: string
  filter: { prefix: string }[]
  expiration: { days: number }[]
  transition: { days: number, storage_class: string }[]
}

/** What Terraform makes of the files, with AWS made up (mock_provider): no network is asked. */
const found = findTerraform()
const missing = 'missing' in found ? found.missing : ''
if (missing) {
  console.warn(
    `\n!!! NOT TESTED: infrastructure/terraform by Terraform itself (fmt, validate, test, what is `
    + `planned).\n!!!   ${missing}\n!!!   Its files were parsed all the same (terraform-files.test.ts).\n`,
  )
}

describe.skipIf(missing !== '')('Terraform', () => {
  let opened: Awaited<ReturnType<typeof openTerraform>>
  const plans = {} as Record<Environment, Resource[]>

  // Four plans, some seconds each on a quiet machine. A limit against hanging, not a measurement.
  beforeAll(async () => {
    opened = await openTerraform((found as { plugins: string }).plugins)
    for (const environment of environments) plans[environment] = await opened.plan(environment)
  }, 600_000)
  afterAll(() => rm(opened.folder, { recursive: true, force: true }))

  const of = (environment: Environment, type: string) =>
    plans[environment].filter(resource => resource.type === type)
  const values = (environment: Environment, type: string, key: string) =>
    of(environment, type).map(resource => resource.values[key])

  it('finds the files formatted', async () => {
    await opened.terraform(['fmt', '-check', '-recursive', '-diff'])
  })

  it('finds them valid', async () => {
    const { stdout } = await opened.terraform(['validate', '-json'])
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, error_count: 0, warning_count: 0 })
  })

  it.each(environments)('%s: nothing is public, unencrypted, uncopied or too powerful', (environment) => {
    expect(faultsOf(plans[environment])).toEqual([])
  })

  it.each(['production', 'staging', 'recovery'] as const)(
    '%s: hosts and subnets stand in three zones',
    (environment) => {
      const zones = ['zone-a', 'zone-b', 'zone-c']
      const names = values(environment, 'aws_instance', 'tags').map(tags => (tags as { Name: string }).Name)
      expect(names.sort()).toEqual(
        ['app1', 'app2', 'app3', 'data1', 'data2', 'data3'].map(name => `fleet2-${environment}-${name}`),
      )
      for (const kind of ['app', 'data']) {
        const hosts = of(environment, 'aws_instance').filter(({ address }) =>
          address.startsWith(kind === 'app' ? 'module.app.' : 'module.database.'),
        )
        expect(hosts.map(host => host.values.availability_zone).sort()).toEqual(zones)
      }
      for (const kind of ['public', 'app', 'data']) {
        const subnets = of(environment, 'aws_subnet').filter(({ address }) =>
          address.includes(`aws_subnet.${kind}[`),
        )
        expect(subnets.map(subnet => subnet.values.availability_zone).sort()).toEqual(zones)
      }
    },
  )

  it('production has a gateway outwards in each zone, and loses none with another one', () => {
    expect(of('production', 'aws_nat_gateway')).toHaveLength(3)
  })

  it('the standby region is the specification\'s: one host of each kind, in a network of three zones', () => {
    expect(of('dr', 'aws_instance')).toHaveLength(2)
    expect(of('dr', 'aws_subnet')).toHaveLength(9)
  })

  it.each(['production', 'dr', 'recovery'] as const)(
    '%s: hosts and balancer refuse to be deleted',
    (environment) => {
      expect(new Set(values(environment, 'aws_instance', 'disable_api_termination'))).toEqual(new Set([true]))
      expect(values(environment, 'aws_lb', 'enable_deletion_protection')).toEqual([true])
    },
  )

  it.each(environments)(
    '%s: buckets are kept as the table of the backups says, here and in the copy',
    (environment) => {
      const lifecycles = of(environment, 'aws_s3_bucket_lifecycle_configuration').filter(({ address }) =>
        address.includes('module.backups.'),
      )
      expect(lifecycles).toHaveLength(2)
      for (const {
        values: { rule },
      } of lifecycles) {
        const rules = (rule as LifecycleRule[]).map(each => [
          each.id,
          {
            status: each.status,
            prefix: each.filter[0]!.prefix,
            expires: each.expiration[0]?.days,
            glacier: each.transition[0] && [each.transition[0].days, each.transition[0].storage_class],
          },
        ])
        const enabled = { status: 'Enabled', expires: undefined, glacier: undefined }
        expect(Object.fromEntries(rules)).toEqual({
          'pgbackrest-wal': { ...enabled, prefix: 'pgbackrest/archive/' },
          'pgbackrest-monthly': { ...enabled, prefix: 'pgbackrest/backup/', glacier: [30, 'GLACIER_IR'] },
          'daily': { ...enabled, prefix: 'fleet2/daily/2', expires: 7 },
          'latest': { ...enabled, prefix: 'fleet2/daily/latest/' },
          'weekly': { ...enabled, prefix: 'fleet2/weekly/', expires: 28 },
          'monthly': { ...enabled, prefix: 'fleet2/monthly/', expires: 365, glacier: [30, 'GLACIER_IR'] },
        })
      }
    },
  )

  it('nobody removes a version of a backup within the days of its lock', () => {
    const locks = of('production', 'aws_s3_bucket_object_lock_configuration')
    expect(locks).toHaveLength(2)
    for (const {
      values: { rule },
    } of locks) {
      const [
        {
          default_retention: [retention],
        },
      ] = rule as [{ default_retention: [unknown] }]
      expect(retention).toMatchObject({ mode: 'GOVERNANCE', days: 7 })
    }
  })

  it('the app hosts may do nothing with the backups', () => {
    const policies = of('production', 'aws_iam_role_policy')
      .filter(({ address }) => address.startsWith('module.app.'))
      .map(policy => String(policy.values.policy))
    expect(policies.join()).toContain('arn:aws:s3:::fleet2-uploads/*')
    expect(policies.join()).not.toContain('fleet2-backups')
  })

  it('a recovery reads production\'s copy and may not write to it', () => {
    const restore = of('recovery', 'aws_iam_role_policy').find(({ address }) =>
      address.includes('.restore['),
    )!
    const { Statement: statements } = JSON.parse(String(restore.values.policy)) as {
      Statement: { Action: string[] }[]
    }
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      'kms:Decrypt',
      's3:GetBucketLocation',
      's3:GetObject',
      's3:ListBucket',
    ])
  })

  it.each(environments)('%s: a budget says when more is spent than foreseen', (environment) => {
    const [budget] = of(environment, 'aws_budgets_budget')
    const notifications = budget!.values.notification as { notification_type: string, threshold: number }[]
    expect(Number(budget!.values.limit_amount)).toBeGreaterThan(0)
    expect(budget!.values.cost_filter).toMatchObject([
      { name: 'TagKeyValue', values: [`user:Environment$${environment}`] },
    ])
    expect(notifications.map(({ notification_type: type, threshold }) => [type, threshold]).sort()).toEqual([
      ['ACTUAL', 80],
      ['FORECASTED', 100],
    ])
  })

  it('the first boot of a host is a script that a shell and shellcheck take', async () => {
    const scripts = of('production', 'aws_instance').map(({ values: { user_data: text } }) => String(text))
    expect(new Set(scripts).size).toBe(2)
    for (const [index, text] of [...new Set(scripts)].entries()) {
      const file = join(opened.folder, `first-boot-${index}.sh`)
      await writeFile(file, text)
      execFileSync('bash', ['-n', file])
      // What it writes to /usr/local/sbin is a script of its own.
      const inner = join(opened.folder, `fleet2-secrets-${index}.sh`)
      await writeFile(inner, /<<'SCRIPT'\n([\s\S]*?)\nSCRIPT\n/.exec(text)![1]!)
      execFileSync('shellcheck', [file, inner], { encoding: 'utf8' })
    }
  })

  it.each<[Environment, string[], string[]]>([
    [
      'production',
      ['replica_region=us-east-1', 'data_hosts=2', 'object_lock_days=1', 'vpc_cidr=10.0.0.0/24'],
      [
        'replica_region must be another region',
        'data_hosts must be 3, or 1',
        'object_lock_days must be at least 7',
        'vpc_cidr must be a /16',
      ],
    ],
    ['recovery', [], ['restore_from.kms_key_arn is still the placeholder']],
    ['staging', ['environment=production'], ['terraform workspace select production']],
  ])('%s with %j is refused in words, each fault by itself', async (environment, wrong, words) => {
    const args = wrong.flatMap(variable => ['-var', variable])
    const message = await opened.plan(environment, args).then(() => '', (error: Error) => error.message)
    for (const each of words) expect(message).toContain(each)
  })
})
