import type { Readable } from 'node:stream'
import { checkKey, type Storage } from './port.ts'

export interface S3Options {
  bucket: string
  endpoint?: string
  region: string
  accessKeyId?: string
  secretAccessKey?: string
}

/**
 * Files in S3 or a server that speaks its language. The client is loaded at the first use: most instances
 * start without.
 */
export function openS3Storage({
  bucket,
  endpoint,
  region,
  accessKeyId,
  secretAccessKey,
}: S3Options): Storage {
  let loaded: ReturnType<typeof load> | null = null
  async function load() {
    const sdk = await import('@aws-sdk/client-s3')
    const client = new sdk.S3Client({
      region,
      ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
      // Without keys the SDK asks the environment: an instance's role needs none.
      ...(accessKeyId && secretAccessKey ? { credentials: { accessKeyId, secretAccessKey } } : {}),
      // Servers beside AWS's own do not all know the newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
    return { sdk, client }
  }
  const s3 = () => (loaded ??= load())

  const absent = (error: unknown) => ['NoSuchKey', 'NotFound'].includes((error as Error).name)

  return {
    async put(key, content, { contentType }) {
      const { sdk, client } = await s3()
      // One request needs its length: documents are at most a few dozen megabytes, and held in memory for it.
      const body = Buffer.isBuffer(content)
        ? content
        : Buffer.concat((await Array.fromAsync(content)) as Buffer[])
      await client.send(
        new sdk.PutObjectCommand({
          Bucket: bucket,
          Key: checkKey(key),
          Body: body,
          ContentType: contentType,
        }),
      )
      return { key, bytes: body.length, contentType }
    },
    async get(key) {
      const { sdk, client } = await s3()
      try {
        const found = await client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: checkKey(key) }))
        return {
          key,
          bytes: found.ContentLength ?? 0,
          contentType: found.ContentType ?? 'application/octet-stream',
          content: found.Body as Readable,
        }
      }
      catch (error) {
        if (absent(error)) return null
        throw error
      }
    },
    async stat(key) {
      const { sdk, client } = await s3()
      try {
        const found = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: checkKey(key) }))
        return {
          key,
          bytes: found.ContentLength ?? 0,
          contentType: found.ContentType ?? 'application/octet-stream',
        }
      }
      catch (error) {
        if (absent(error)) return null
        throw error
      }
    },
    async delete(key) {
      const { sdk, client } = await s3()
      await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: checkKey(key) }))
    },
    async list(prefix) {
      const { sdk, client } = await s3()
      const keys: string[] = []
      let token: string | undefined
      do {
        const page = await client.send(
          new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
        )
        keys.push(...(page.Contents ?? []).map(({ Key }) => Key!))
        token = page.IsTruncated ? page.NextContinuationToken : undefined
      } while (token)
      return keys.sort()
    },
    // An object is put in one request: there are none.
    async removeHalves() {},
  }
}
