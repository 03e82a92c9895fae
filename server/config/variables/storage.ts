import { z } from 'zod'
import { httpUrl } from '../readers.ts'
import { variable } from '../variable.ts'

export const storageVariables = {
  s3Bucket: variable({
    name: 'NUXT_STORAGE_S3_BUCKET',
    group: 'File storage',
    description: 'Bucket for uploaded files.',
    default: 'the database, 100 MiB a file; embedded: a local folder',
    example: 'fleet2-files',
    schema: z.string().regex(/^[a-z0-9.-]{3,63}$/, 'must be a bucket name of 3 to 63 characters').optional(),
  }),
  s3Endpoint: variable({
    name: 'NUXT_STORAGE_S3_ENDPOINT',
    group: 'File storage',
    description: 'Address of an S3-compatible server.',
    default: 'that of AWS',
    example: 'https://s3.example.org',
    schema: httpUrl,
  }),
  s3Region: variable({
    name: 'NUXT_STORAGE_S3_REGION',
    group: 'File storage',
    description: 'Region of the bucket.',
    default: 'us-east-1',
    example: 'eu-central-1',
    schema: z.string().min(1, 'must not be empty').default('us-east-1'),
  }),
  s3AccessKeyId: variable({
    name: 'NUXT_STORAGE_S3_ACCESS_KEY_ID',
    group: 'File storage',
    description: 'Access key ID.',
    default: 'none',
    example: 'AKIA…',
    secret: true,
    schema: z.string().min(1, 'must not be empty').optional(),
  }),
  s3SecretAccessKey: variable({
    name: 'NUXT_STORAGE_S3_SECRET_ACCESS_KEY',
    group: 'File storage',
    description: 'Secret access key.',
    default: 'none',
    example: '…',
    secret: true,
    schema: z.string().min(1, 'must not be empty').optional(),
  }),
}
