import { join } from 'node:path'
import type { Config } from '#server/config/load.ts'
import { openLocalStorage } from './local.ts'
import type { Storage } from './port.ts'
import { openS3Storage } from './s3.ts'

/** The one place where the adapter is chosen. */
export function openStorage(config: Config): Storage {
  if (!config.s3Bucket) return openLocalStorage(join(config.dataDirectory, 'files'))
  return openS3Storage({
    bucket: config.s3Bucket,
    endpoint: config.s3Endpoint,
    region: config.s3Region,
    accessKeyId: config.s3AccessKeyId,
    secretAccessKey: config.s3SecretAccessKey,
  })
}
