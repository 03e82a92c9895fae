import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Logger } from 'pino'
import { every } from '#server/telemetry/timers.ts'
import { StatusNotice } from '#shared/status.ts'

/** As text: the longest title and text, each character escaped, fit four times over. */
export const noticeLimitBytes = 65_536

/** How soon a notice is on the page after it was written. */
const lookEveryMs = 2_000

/** `refused`: there is a file, and it is not as it should be. */
export const noticeStates = ['none', 'shown', 'refused'] as const

export interface Notice {
  /** Null: there is none, or it cannot be shown. */
  current(): StatusNotice | null
  state(): (typeof noticeStates)[number]
  /** Resolves after the first look. */
  start(): Promise<void>
  stop(): void
}

/** What is wrong with the operator's file, in words. */
export class NoticeFault extends Error {}

/**
 * Reads the operator's notice; null where there is no file, or an empty one.
 * @throws {NoticeFault} with what is wrong and what would be right.
 */
export async function readNotice(path: string): Promise<StatusNotice | null> {
  const text = await readBounded(path)
  if (text === null || text.trim() === '') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  }
  catch {
    const right = '{"title": "…", "text": "…", "since": "2026-11-24T08:30:00Z"}'
    throw new NoticeFault(`is not JSON; it must be like ${right}`)
  }
  const result = StatusNotice.safeParse(value)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole'} ${message}`)
  throw new NoticeFault(faults.join('; '))
}

/**
 * Never more than the limit, and never from what has no end or would make the reader wait: a device, a pipe.
 */
async function readBounded(path: string): Promise<string | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) throw new NoticeFault('is not a file')
      const bytes = Buffer.alloc(noticeLimitBytes + 1)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
      if (bytesRead > noticeLimitBytes) throw new NoticeFault(`is larger than ${noticeLimitBytes} bytes`)
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytesRead))
    }
    finally {
      await file.close()
    }
  }
  catch (error) {
    if (error instanceof NoticeFault) throw error
    if (error instanceof TypeError) throw new NoticeFault('is not UTF-8 text')
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new NoticeFault(`cannot be read (${code})`)
  }
}

/**
 * Looks at the file again and again. A fault is logged once, until it is another one, and costs the notice
 * alone.
 */
export function watchNotice({ path, log, everyMs = lookEveryMs }: {
  path: string | null
  log: Logger
  everyMs?: number
}): Notice {
  let notice: StatusNotice | null = null
  let fault: string | null = null
  let looking: Promise<void> | null = null
  let stopLooking = () => {}

  async function look(path: string) {
    const before = fault
    try {
      notice = await readNotice(path)
      fault = null
      if (before) log.info(`NUXT_STATUS_NOTICE_FILE is as it should be again${notice ? ', and shown' : ''}`)
    }
    catch (error) {
      notice = null
      fault = error instanceof Error ? error.message : String(error)
      if (fault === before) return
      log.warn({ file: path, fault }, `NUXT_STATUS_NOTICE_FILE ${fault}: no notice is shown`)
    }
  }

  /** One at a time: a file on a disk that does not answer is not asked for again and again. */
  function turn(path: string): Promise<void> {
    return looking ??= look(path).finally(() => {
      looking = null
    })
  }

  return {
    current: () => notice,
    state: () => notice ? 'shown' : fault ? 'refused' : 'none',
    async start() {
      if (path === null) return
      stopLooking = every(everyMs, () => void turn(path))
      await turn(path)
    },
    stop: () => stopLooking(),
  }
}
