import { join } from 'node:path'
import type { Config } from '#server/config/load.ts'
import { openChunkedStorage, type ChunkStore } from './chunked.ts'
import { openLocalStorage } from './local.ts'
import type { Storage } from './port.ts'
import { openS3Storage } from './s3.ts'

/**
 * The one place where the adapter is chosen: the bucket, if one is set; else the database, which all
 * instances share; and a folder where that one is embedded, too.
 */
export function openStorage(config: Config, store: ChunkStore): Storage {
  if (config.s3Bucket) {
    return openS3Storage({
      bucket: config.s3Bucket,
      endpoint: config.s3Endpoint,
      region: config.s3Region,
      accessKeyId: config.s3AccessKeyId,
      secretAccessKey: config.s3SecretAccessKey,
    })
  }
  if (config.embeddedDatabase) return openLocalStorage(join(config.dataDirectory, 'files'))
  return openChunkedStorage(store)
}
