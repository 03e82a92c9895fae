import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../../../lab/place.ts'
import type { Block } from './blocks.ts'

/** A block that takes longer than this hangs. */
const limitMs = 60_000

/** What a shell, and shellcheck, say against a block; none where it can be run. */
export function syntaxFaults(text: string): string[] {
  const shell = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' })
  if (shell.status !== 0) return [shell.stderr.trim()]
  // A block is a part of a session: 2148 no shebang, 2154 and 2034 variables of another block, 2164 cd.
  const options = ['-s', 'bash', '-S', 'warning', '-e', 'SC2148,SC2154,SC2034,SC2164', '-f', 'gcc', '-']
  const check = spawnSync('shellcheck', options, { input: text, encoding: 'utf8' })
  if (check.error) return [`shellcheck cannot be run: ${check.error.message}`]
  return check.status === 0 ? [] : check.stdout.trim().split('\n')
}

/**
 * The first line of `expected` that `output` does not have, in this order; null where it has all. "…"
 * stands for anything within a line, a line of it alone for any lines.
 */
export function firstMissing(expected: string, output: string): string | null {
  const lines = output.split('\n').map(line => line.trim())
  let from = 0
  for (const line of expected
    .split('\n')
    .map(each => each.trim())
    .filter(each => each !== '' && each !== '…')) {
    const pattern = new RegExp(`^${line.split('…').map(RegExp.escape).join('.*')}$`)
    const at = lines.slice(from).findIndex(each => pattern.test(each))
    if (at < 0) return line
    from += at + 1
  }
  return null
}

/** Runs a block in the project's folder, with a folder of its own ($TMPDIR). Null: it does as shown. */
export function runBlock(block: Block): string | null {
  if (block.mark?.how !== 'executed') throw new Error('Only blocks that are marked so are run.')
  const folder = mkdtempSync(join(tmpdir(), 'fleet2-handbook-'))
  try {
    // Nothing of who runs it: a variable that is set here by chance is not set at night on another machine.
    const env = { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8' }
    const { status, stdout, stderr, error } = spawnSync('bash', ['-o', 'pipefail', '-ec', block.text], {
      cwd: projectRoot,
      env,
      encoding: 'utf8',
      timeout: limitMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = stdout + stderr
    if (error) return `did not end: ${error.message}`
    if (status !== block.mark.exit) return `ended with ${status}, not ${block.mark.exit}:\n${output}`
    const missing = block.expected === null ? null : firstMissing(block.expected, output)
    return missing === null ? null : `did not print "${missing}", but:\n${output}`
  }
  finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
