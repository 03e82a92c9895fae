import type { Resource } from './terraform.ts'

/** What a plan must never hold. Each returns a sentence a fault; none looks at anything but the plan. */
type Check = (resources: Resource[]) => string[]

const of = (resources: Resource[], type: string) => resources.filter(resource => resource.type === type)
const first = (value: unknown) =>
  (Array.isArray(value) ? value[0] : value) as Record<string, unknown> | undefined
const filled = (value: unknown) => typeof value === 'string' && value !== ''

/** What belongs to a bucket has its address, with another type. */
const beside = (resources: Resource[], bucket: Resource, type: string) =>
  resources.find(({ address }) => address === bucket.address.replace('.aws_s3_bucket.', `.${type}.`))

const openToTheWorld: Check = resources => [
  ...of(resources, 'aws_vpc_security_group_ingress_rule')
    .filter(({ values }) => {
      const cidr = values.cidr_ipv4 ?? values.cidr_ipv6 ?? values.prefix_list_id
      if (cidr === undefined || cidr === null) return false
      const door = values.from_port === values.to_port && [80, 443].includes(values.from_port as number)
      return !(values.security_group_id === 'sg-balancer' && values.ip_protocol === 'tcp' && door)
    })
    .map(({ address }) => `${address} lets addresses in that are not the balancer's 80 or 443`),
  ...['aws_security_group', 'aws_default_security_group']
    .flatMap(type => of(resources, type))
    .filter(({ values }) =>
      [values.ingress, values.egress].some(rules => Array.isArray(rules) && rules.length > 0),
    )
    .map(({ address }) => `${address} has rules of its own, which nobody looks at here`),
  ...of(resources, 'aws_security_group_rule').map(
    ({ address }) => `${address}: use the rules of one port each`,
  ),
  ...of(resources, 'aws_lb_listener')
    .filter(({ values }) => ![80, 443].includes(values.port as number))
    .map(({ address }) => `${address} listens on another port than 80 and 443`),
]

const publicHosts: Check = resources => [
  ...of(resources, 'aws_instance')
    .filter(({ values }) => values.associate_public_ip_address !== false)
    .map(({ address }) => `${address} may have a public address`),
  ...of(resources, 'aws_subnet')
    .filter(({ values }) => values.map_public_ip_on_launch !== false)
    .map(({ address }) => `${address} gives public addresses`),
  ...resources
    .filter(({ values }) => values.publicly_accessible === true)
    .map(({ address }) => `${address} is a public database`),
]

const unencrypted: Check = resources => [
  ...of(resources, 'aws_ebs_volume')
    .filter(({ values }) => values.encrypted !== true || !filled(values.kms_key_id))
    .map(({ address }) => `${address} is not encrypted by our key`),
  ...of(resources, 'aws_instance')
    .filter(({ values }) => {
      const disk = first(values.root_block_device)
      return disk?.encrypted !== true || !filled(disk.kms_key_id)
    })
    .map(({ address }) => `${address}: its first disk is not encrypted by our key`),
  ...of(resources, 'aws_instance')
    .filter(({ values }) => first(values.metadata_options)?.http_tokens !== 'required')
    .map(({ address }) => `${address} gives its role's credentials to whoever can make it send a GET`),
  ...[
    ['aws_secretsmanager_secret', 'kms_key_id'],
    ['aws_cloudwatch_log_group', 'kms_key_id'],
    ['aws_sns_topic', 'kms_master_key_id'],
  ].flatMap(([type, key]) =>
    of(resources, type!)
      .filter(({ values }) => !filled(values[key!]))
      .map(({ address }) => `${address} has no key`),
  ),
  ...of(resources, 'aws_kms_key')
    .filter(({ values }) => values.enable_key_rotation !== true)
    .map(({ address }) => `${address} is not rotated`),
]

const buckets: Check = resources =>
  of(resources, 'aws_s3_bucket').flatMap((bucket) => {
    const get = (type: string) => beside(resources, bucket, type)?.values
    const closed = get('aws_s3_bucket_public_access_block')
    const rule = first(get('aws_s3_bucket_server_side_encryption_configuration')?.rule)
    const encryption = first(rule?.apply_server_side_encryption_by_default)
    const versioning = first(get('aws_s3_bucket_versioning')?.versioning_configuration)
    const policy = String(get('aws_s3_bucket_policy')?.policy)
    const faults: [boolean, string][] = [
      [
        !['block_public_acls', 'block_public_policy', 'ignore_public_acls', 'restrict_public_buckets'].every(
          which => closed?.[which] === true,
        ),
        'is not closed to the public',
      ],
      [
        encryption?.sse_algorithm !== 'aws:kms' || !filled(encryption.kms_master_key_id),
        'is not encrypted by our key',
      ],
      [versioning?.status !== 'Enabled', 'keeps no versions'],
      [!policy.includes('aws:SecureTransport'), 'may be asked without TLS'],
      [bucket.values.force_destroy === true, 'is destroyed with what it holds'],
      [!get('aws_s3_bucket_lifecycle_configuration'), 'has no lifecycle'],
    ]
    const module = bucket.address.replace(/\.aws_s3_bucket\..*/, '')
    const copies = of(resources, 'aws_s3_bucket_replication_configuration')
      .filter(({ address }) => address.startsWith(`${module}.`))
      .flatMap(({ values }) => values.rule as { status: string }[])
    faults.push([!copies.some(({ status }) => status === 'Enabled'), 'has no copy in another region'])
    return faults.flatMap(([bad, words]) => (bad ? `${bucket.address} ${words}` : []))
  })

interface Statement {
  Effect: string
  Action: string | string[]
  Resource: string | string[]
  Sid?: string
}

/** Rights by which a host that somebody has taken over could destroy the backups. */
const destructive = new RegExp(
  '^(s3:(Delete.*Version|BypassGovernance|PutBucket|DeleteBucket|Put(Lifecycle|Replication))'
  + '|kms:(Schedule|Disable))',
)

const rights: Check = resources =>
  of(resources, 'aws_iam_role_policy').flatMap(({ address, values }) => {
    if (typeof values.policy !== 'string') return [`${address}: its policy cannot be read in the plan`]
    const { Statement: statements } = JSON.parse(values.policy) as { Statement: Statement[] }
    return statements
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ Action, Resource, Sid }) => [
        ...[Action]
          .flat()
          .filter(action => action === '*' || action.endsWith(':*') || destructive.test(action))
          .map(action => `${address} (${Sid}) may ${action}`),
        ...[Resource]
          .flat()
          .filter(resource => resource === '*')
          .map(() => `${address} (${Sid}) may do it to everything`),
      ])
  })

const checks: Check[] = [openToTheWorld, publicHosts, unencrypted, buckets, rights]

/** Every fault of a plan, in words. Throws for a plan that holds nothing to look at. */
export function faultsOf(resources: Resource[]): string[] {
  for (const type of [
    'aws_instance',
    'aws_ebs_volume',
    'aws_s3_bucket',
    'aws_iam_role_policy',
    'aws_vpc_security_group_ingress_rule',
    'aws_lb_listener',
    'aws_kms_key',
    'aws_secretsmanager_secret',
  ])
    if (of(resources, type).length === 0)
      throw new Error(`The plan holds no ${type}: nothing would be found.`)
  return checks.flatMap(check => check(resources))
}
