import type { Readable } from 'node:stream'

/**
 * Uploaded files by key. Three adapters keep it: `local.ts` (a folder), `chunked.ts` (the database) and
 * `s3.ts`; `tests/storage/storage-conformance.integration.test.ts` holds them to it. A key is 1 to 512
 * characters of letters, digits, `.`, `_`, `-` and `/`, without empty, `.` or `..` parts.
 */
export interface Storage {
  /**
   * Stores the whole stream or nothing; what stood under the key is replaced at once.
   * @throws {FileTooLargeError} past what the place takes; what stood under the key stays.
   */
  put(key: string, content: Readable | Buffer, options: { contentType: string }): Promise<StoredFile>
  /** Null if there is none. The caller reads the stream to its end or destroys it. */
  get(key: string): Promise<(StoredFile & { content: Readable }) | null>
  stat(key: string): Promise<StoredFile | null>
  /** Resolves also if there was none. */
  delete(key: string): Promise<void>
  /** Keys that begin with the prefix, in order. */
  list(prefix: string): Promise<string[]>
  /** Removes what writers have left half that began over an hour ago and died; see `file-cleaning`. */
  removeHalves(): Promise<void>
}

export interface StoredFile {
  key: string
  bytes: number
  contentType: string
}

/**
 * @throws {TypeError} for a key that could leave its place. Keys are made by our own code, never taken from
 * outside.
 */
export function checkKey(key: string): string {
  if (
    key.length > 512
    || !/^[\w.-]+(\/[\w.-]+)*$/.test(key)
    || key.split('/').some(part => /^\.+$/.test(part))
  )
    throw new TypeError(`Not a storage key: ${key}`)
  return key
}
