import { describe, expect, it } from 'vitest'
import { faultsOf } from './support/terraform-faults.ts'
import type { Resource } from './support/terraform.ts'

/** The checks of a plan, each shown what it is there for: a plan made by hand, with one thing wrong in it. */
const policy = (...statements: object[]) => JSON.stringify({ Statement: statements })
const module = 'module.backups.aws_s3_bucket'

const sound = (): Resource[] => [
  {
    address: 'aws_instance.data1',
    type: 'aws_instance',
    values: {
      associate_public_ip_address: false,
      root_block_device: [{ encrypted: true, kms_key_id: 'key' }],
      metadata_options: [{ http_tokens: 'required' }],
    },
  },
  { address: 'aws_subnet.data1', type: 'aws_subnet', values: { map_public_ip_on_launch: false } },
  { address: 'aws_ebs_volume.data1', type: 'aws_ebs_volume', values: { encrypted: true, kms_key_id: 'key' } },
  { address: 'aws_security_group.app', type: 'aws_security_group', values: { ingress: [], egress: [] } },
  {
    address: 'door',
    type: 'aws_vpc_security_group_ingress_rule',
    values: {
      security_group_id: 'sg-balancer',
      cidr_ipv4: '0.0.0.0/0',
      ip_protocol: 'tcp',
      from_port: 443,
      to_port: 443,
    },
  },
  {
    address: 'inner',
    type: 'aws_vpc_security_group_ingress_rule',
    values: {
      security_group_id: 'sg-data',
      referenced_security_group_id: 'sg-app',
      ip_protocol: 'tcp',
      from_port: 5432,
      to_port: 5432,
    },
  },
  { address: 'listener', type: 'aws_lb_listener', values: { port: 443 } },
  { address: 'key', type: 'aws_kms_key', values: { enable_key_rotation: true } },
  { address: 'secret', type: 'aws_secretsmanager_secret', values: { kms_key_id: 'key' } },
  {
    address: 'role',
    type: 'aws_iam_role_policy',
    values: {
      policy: policy({
        Sid: 'Write',
        Effect: 'Allow',
        Action: ['s3:PutObject', 's3:DeleteObject'],
        Resource: 'arn:aws:s3:::b/*',
      }),
    },
  },
  { address: `${module}.source`, type: 'aws_s3_bucket', values: { force_destroy: false } },
  {
    address: `${module}_public_access_block.source`,
    type: 'aws_s3_bucket_public_access_block',
    values: {
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    },
  },
  {
    address: `${module}_server_side_encryption_configuration.source`,
    type: 'aws_s3_bucket_server_side_encryption_configuration',
    values: {
      rule: [
        { apply_server_side_encryption_by_default: [{ sse_algorithm: 'aws:kms', kms_master_key_id: 'key' }] },
      ],
    },
  },
  {
    address: `${module}_versioning.source`,
    type: 'aws_s3_bucket_versioning',
    values: { versioning_configuration: [{ status: 'Enabled' }] },
  },
  {
    address: `${module}_policy.source`,
    type: 'aws_s3_bucket_policy',
    values: { policy: '"aws:SecureTransport"' },
  },
  {
    address: `${module}_lifecycle_configuration.source`,
    type: 'aws_s3_bucket_lifecycle_configuration',
    values: { rule: [] },
  },
  {
    address: `${module}_replication_configuration.this`,
    type: 'aws_s3_bucket_replication_configuration',
    values: { rule: [{ status: 'Enabled' }] },
  },
]

/** The sound plan with other values for one resource; null takes it away. */
const spoiled = (address: string, values: Record<string, unknown> | null) =>
  sound().flatMap(resource =>
    resource.address !== address
      ? resource
      : values === null
        ? []
        : { ...resource, values: { ...resource.values, ...values } },
  )

const added = (type: string, values: Record<string, unknown>) => [
  ...sound(),
  { address: 'new', type, values },
]

describe('a plan', () => {
  it('without a fault has none', () => {
    expect(faultsOf(sound())).toEqual([])
  })

  it.each<[string, Resource[], RegExp]>([
    ['PostgreSQL for everybody', spoiled('inner', { cidr_ipv4: '0.0.0.0/0' }), /inner lets addresses in/],
    [
      'one address for SSH',
      added('aws_vpc_security_group_ingress_rule', {
        security_group_id: 'sg-app',
        cidr_ipv4: '192.0.2.1/32',
        ip_protocol: 'tcp',
        from_port: 22,
        to_port: 22,
      }),
      /new lets addresses in/,
    ],
    [
      'all ports of the balancer',
      spoiled('door', { from_port: 0, to_port: 65535 }),
      /door lets addresses in/,
    ],
    ['the same by IPv6', spoiled('inner', { cidr_ipv6: '::/0' }), /inner lets addresses in/],
    [
      'a group with rules of its own',
      spoiled('aws_security_group.app', { ingress: [{}] }),
      /rules of its own/,
    ],
    ['a rule of the old kind', added('aws_security_group_rule', {}), /one port each/],
    ['a balancer that listens on 5432', spoiled('listener', { port: 5432 }), /another port/],
    [
      'a host with a public address',
      spoiled('aws_instance.data1', { associate_public_ip_address: null }),
      /may have a public address/,
    ],
    [
      'a subnet that gives public addresses',
      spoiled('aws_subnet.data1', { map_public_ip_on_launch: true }),
      /gives public addresses/,
    ],
    ['a public database of AWS', added('aws_db_instance', { publicly_accessible: true }), /public database/],
    ['a plain volume', spoiled('aws_ebs_volume.data1', { encrypted: false }), /not encrypted by our key/],
    [
      'a volume by AWS\'s key',
      spoiled('aws_ebs_volume.data1', { kms_key_id: null }),
      /not encrypted by our key/,
    ],
    ['a plain first disk', spoiled('aws_instance.data1', { root_block_device: [{}] }), /its first disk/],
    ['credentials for any GET', spoiled('aws_instance.data1', { metadata_options: [{}] }), /credentials/],
    ['a secret by AWS\'s key', spoiled('secret', { kms_key_id: null }), /secret has no key/],
    ['a key for ever', spoiled('key', { enable_key_rotation: false }), /is not rotated/],
    [
      'a bucket that may be public',
      spoiled(`${module}_public_access_block.source`, { block_public_policy: false }),
      /not closed to the public/,
    ],
    [
      'a bucket without that',
      spoiled(`${module}_public_access_block.source`, null),
      /not closed to the public/,
    ],
    [
      'a bucket without our key',
      spoiled(`${module}_server_side_encryption_configuration.source`, null),
      /not encrypted by our key/,
    ],
    [
      'a bucket without versions',
      spoiled(`${module}_versioning.source`, {
        versioning_configuration: [{ status: 'Suspended' }],
      }),
      /keeps no versions/,
    ],
    ['a bucket without TLS', spoiled(`${module}_policy.source`, null), /without TLS/],
    [
      'a bucket that goes with its contents',
      spoiled(`${module}.source`, { force_destroy: true }),
      /is destroyed/,
    ],
    [
      'a bucket without a copy',
      spoiled(`${module}_replication_configuration.this`, {
        rule: [{ status: 'Disabled' }],
      }),
      /no copy/,
    ],
    [
      'a bucket without a lifecycle',
      spoiled(`${module}_lifecycle_configuration.source`, null),
      /no lifecycle/,
    ],
    [
      'a role that may do all with S3',
      spoiled('role', {
        policy: policy({ Sid: 'All', Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::b' }),
      }),
      /may s3:\*/,
    ],
    [
      'a role that may remove versions',
      spoiled('role', {
        policy: policy({ Effect: 'Allow', Action: ['s3:DeleteObjectVersion'], Resource: 'arn:aws:s3:::b/*' }),
      }),
      /may s3:DeleteObjectVersion/,
    ],
    [
      'a role that may pass by the lock',
      spoiled('role', {
        policy: policy({
          Effect: 'Allow',
          Action: ['s3:BypassGovernanceRetention'],
          Resource: 'arn:aws:s3:::b/*',
        }),
      }),
      /may s3:BypassGovernanceRetention/,
    ],
    [
      'a role that reads every secret',
      spoiled('role', {
        policy: policy({
          Sid: 'Read',
          Effect: 'Allow',
          Action: ['secretsmanager:GetSecretValue'],
          Resource: '*',
        }),
      }),
      /to everything/,
    ],
    ['a policy that nobody can read', spoiled('role', { policy: undefined }), /cannot be read/],
  ])('with %s is found out', (_, plan, words) => {
    expect(faultsOf(plan).join('\n')).toMatch(words)
    expect(faultsOf(plan)).toHaveLength(1)
  })

  it('that holds nothing to look at is no sound one', () => {
    expect(() => faultsOf(sound().filter(({ type }) => type !== 'aws_s3_bucket'))).toThrow('aws_s3_bucket')
  })
})
