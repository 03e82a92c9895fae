import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

/**
 * Where log lines go. A line is written at once and in order where that can be done without waiting; where it
 * cannot (a reader that stands still, a disk that is full, a file that may not be written) it waits in a
 * buffer with an end, and what does not fit is dropped and counted. Nothing of it ever throws, and nothing
 * waits: a log must not end or hold up what it tells about.
 */
export interface Sink {
  write(line: string): void
  /** For a file: opens its name anew, and keeps the old one where that fails. For standard output nothing. */
  reopen(): void
  /**
   * Writes what still waits, for at most `limitMs`, and does not return before. For the very end of the
   * process.
   */
  flush(limitMs: number): void
  /** Bytes that wait. */
  waiting(): number
}

export interface SinkOptions {
  /** A path, or null: standard output. */
  path: string | null
  onDropped(lines: number): void
  /** In words, once each time that it begins and ends. Goes to the other sinks. */
  onTrouble(message: string): void
  /** Most bytes that wait. */
  limitBytes?: number
  /**
   * A file that would be larger is put aside as `path`.1, in place of the one before, and begun anew, between
   * two lines: the two never hold more than twice as much. 0: never.
   */
  fileLimitBytes?: number
}

/**
 * Some thousand lines: a reader that hesitates loses nothing, one that is gone costs no memory to speak of.
 */
const standardLimitBytes = 1_048_576

/** A pipe that was full: its reader takes 64 KiB at a time. */
const fullPauseMs = 20

/** A disk that was full, a file that could not be opened. */
const troublePauseMs = 1_000

/** A file that could not be opened anew: somebody has to mend its folder or its owner first. */
const reopenPauseMs = 10_000

/** Lines name people by their ids and addresses. */
const mode = 0o640

export function openSink(options: SinkOptions): Sink {
  const { path, onDropped, onTrouble, limitBytes = standardLimitBytes, fileLimitBytes = 0 } = options
  const name = path === null ? 'Standard output' : 'The log file'
  let fd: number | null = path === null ? 1 : null
  const queue: Buffer[] = []
  let bytes = 0
  /** Bytes in the file; what somebody else adds to it or takes from it is seen when it is opened. */
  let size = 0
  /** The first line in the queue has been written in part. */
  let within = false
  let dropped = 0
  let trouble: string | null = null
  let timer: NodeJS.Timeout | undefined
  let later: NodeJS.Timeout | undefined
  // Until Node's own stream exists the pipe is a waiting one; with it, it says EAGAIN. Its errors (a reader
  // that has gone) are ours to bear, not the process's end.
  if (path === null) process.stdout.on('error', () => {})

  function troubled(error: unknown) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    if (trouble === code) return
    trouble = code
    onTrouble(`${name} cannot be written (${code}). Lines wait, then they are dropped and counted.`)
  }

  function take(opened: number) {
    fd = opened
    size = fileLimitBytes ? fstatSync(opened).size : 0
  }

  /** The next line goes into a new file where this one is full. Where that cannot be, into the old one. */
  function putAside(next: number) {
    if (!fileLimitBytes || within || size === 0 || size + next <= fileLimitBytes) return
    const full = fd!
    try {
      // Somebody may have taken it away.
      if (existsSync(path!)) renameSync(path!, `${path}.1`)
      take(openSync(path!, 'a', mode))
      closeSync(full)
    }
    catch (error) {
      size = 0
      const { code } = error as NodeJS.ErrnoException
      onTrouble(`${name} is full and cannot be put aside (${code}): lines go on into it`)
    }
  }

  function open(): boolean {
    if (fd !== null) return true
    try {
      take(openSync(path!, 'a', mode))
      return true
    }
    catch (error) {
      troubled(error)
      return false
    }
  }

  /** Milliseconds to wait before the next attempt; 0: all is written. */
  function drain(): number {
    if (queue.length && !open()) return troublePauseMs
    while (queue.length) {
      try {
        const head = queue[0]!
        putAside(head.length)
        const written = writeSync(fd!, head)
        bytes -= written
        size += written
        within = written < head.length
        if (written < head.length) queue[0] = head.subarray(written)
        else queue.shift()
      }
      catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return fullPauseMs
        troubled(error)
        return troublePauseMs
      }
    }
    return 0
  }

  function work() {
    clearTimeout(timer)
    timer = undefined
    const pause = drain()
    if (pause) {
      // It may end the process's wait for it: whoever ends flushes.
      timer = setTimeout(work, pause)
      timer.unref()
      return
    }
    if (dropped || trouble) {
      const what = trouble ? `${name} can be written again` : `${name} was not read for a while`
      trouble = null
      const lost = dropped
      dropped = 0
      onTrouble(`${what}; ${lost} lines were dropped`)
    }
  }

  function reopen() {
    if (path === null) return
    clearTimeout(later)
    const old = fd
    try {
      take(openSync(path, 'a', mode))
    }
    catch (error) {
      // The old file still takes lines, under whatever name it has by now. Tried again: somebody will mend it
      // without thinking of a second SIGHUP.
      onTrouble(
        `${name} cannot be opened anew (${(error as NodeJS.ErrnoException).code}): lines go on into the old one`,
      )
      later = setTimeout(reopen, reopenPauseMs)
      later.unref()
      return
    }
    if (old !== null) closeSync(old)
    work()
  }

  return {
    write(line) {
      const data = Buffer.from(line)
      if (bytes + data.length > limitBytes) {
        dropped++
        onDropped(1)
        return
      }
      queue.push(data)
      bytes += data.length
      if (timer === undefined) work()
    },
    reopen,
    flush(limitMs) {
      const until = Date.now() + limitMs
      while (drain() && Date.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    },
    waiting: () => bytes,
  }
}
