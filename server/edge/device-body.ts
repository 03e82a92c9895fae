import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'
import { createError, getRequestHeader, type H3Event } from 'h3'
import { InvalidInputError } from '#shared/errors.ts'
import { boundedBody } from './input.ts'

/** A position with every attribute a tracker has is a few kilobytes. */
const maxMessageBytes = 65_536

/**
 * JSON of positions becomes a tenth when it is compressed. Zlib stops here, however much a body says that it
 * would become.
 */
const maxInflatedBytes = 1_048_576

const options = { maxOutputLength: maxInflatedBytes }
const unpack = {
  gzip: (body: Buffer) => promisify(gunzip)(body, options),
  // With zlib's header as the standard says, and without it as some libraries send it.
  deflate: (body: Buffer) =>
    promisify(inflate)(body, options).catch((error: NodeJS.ErrnoException) =>
      error.code === 'Z_DATA_ERROR' ? promisify(inflateRaw)(body, options) : Promise.reject(error)),
  br: (body: Buffer) => promisify(brotliDecompress)(body, options),
}

/** A device's body as text, unpacked where it is compressed. @throws as `unpackBody`; 413 past the limit. */
export async function readDeviceBody(event: H3Event): Promise<string> {
  const body = await boundedBody(event, maxMessageBytes)
  return (await unpackBody(body, getRequestHeader(event, 'content-encoding') ?? '')).toString('utf8')
}

/**
 * What `encoding` has packed; gzip also where no header says so.
 * @throws {InvalidInputError} for what cannot be unpacked; 413 past the limit, 415 for another encoding.
 */
export async function unpackBody(body: Buffer, encoding: string): Promise<Buffer> {
  const named = encoding.trim().toLowerCase().replace(/^x-/, '')
  const isGzip = body[0] === 0x1f && body[1] === 0x8b
  // A proxy may have unpacked it and left the header.
  const packing = isGzip ? 'gzip' : named === 'gzip' || named === 'identity' ? '' : named
  if (packing === '' || body.length === 0) return body
  if (!Object.hasOwn(unpack, packing)) throw createError({ statusCode: 415 })
  try {
    return await unpack[packing as keyof typeof unpack](body)
  }
  catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw createError({ statusCode: 413 })
    const message = `the body is not what Content-Encoding says: it cannot be unpacked as ${packing}`
    throw new InvalidInputError([{ path: '', message }])
  }
}
