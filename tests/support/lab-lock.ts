import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { labName } from '../../lab/place.ts'

const file = join(tmpdir(), ['fleet2-lab', labName].filter(Boolean).join('-') + '.lock')

/** Two labs of one name cannot be up at once: the longest that is waited for another test run's. */
const limitSeconds = 600

/**
 * Holds the machine's lab lock while `work` runs: tests of several checkouts of Fleet2 on one machine take
 * turns. Let go by the kernel however this process ends.
 * @throws when somebody else keeps it for too long.
 */
export async function withLabLock<T>(work: () => Promise<T>): Promise<T> {
  // flock ends, and with it the lock, when its standard input does.
  const holder = spawn(
    'flock',
    ['--wait', String(limitSeconds), file, 'sh', '-c', 'echo taken; exec cat'],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  )
  const ended = new Promise<void>(resolve => holder.once('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject)
    holder.stdout.once('data', () => resolve())
    holder.once('close', () =>
      reject(new Error(`Another test run keeps the lab lock for more than ${limitSeconds} s`)),
    )
  })
  try {
    return await work()
  }
  finally {
    holder.stdin.end()
    await ended
  }
}
