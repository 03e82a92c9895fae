import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildIfNeeded } from './build.ts'
import { installReaders, installPackages } from './install-packages.ts'
import { checkPrerequisites } from '../lab/lab.ts'
import { findTerraform } from '../tests/deploy/support/terraform.ts'
import { withLabLock } from '../tests/support/lab-lock.ts'

/**
 * `npm test`: installs what it needs, then lint, types, build, unit and integration tests, browser tests. The
 * first that fails ends it.
 */
const reports = mkdtempSync(join(tmpdir(), 'fleet2-reports-'))
process.on('exit', () => rmSync(reports, { recursive: true, force: true }))
const durations: string[] = []
const totals = { passed: 0, failed: 0, skipped: 0 }

async function step(name: string, work: () => Promise<boolean>) {
  const started = Date.now()
  console.log(`\n── ${name}`)
  const ok = await work()
  durations.push(`${name} ${Math.round((Date.now() - started) / 1000)} s`)
  if (!ok) finish(name)
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  const child = spawn(join('node_modules/.bin', command), args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  })
  return new Promise(resolve => child.on('exit', code => resolve(code === 0)))
}

function finish(failedStep?: string): never {
  console.log(`\n${durations.join(', ')}`)
  if (failedStep) console.log(`Failed: ${failedStep}`)
  const failed = totals.failed || (failedStep ? 1 : 0)
  console.log(
    `${totals.passed} passed, ${failed} failed${totals.skipped ? `, ${totals.skipped} skipped` : ''}`,
  )
  process.exit(failed ? 1 : 0)
}

installPackages()
installReaders()
await step('lint', () => run('eslint', ['.', '--max-warnings', '0']))
await step('types', () => run('vue-tsc', ['--build', '--noEmit']))
await step('build', async () => {
  await buildIfNeeded()
  return true
})
await step('unit and integration tests', async () => {
  const file = join(reports, 'vitest.json')
  const ok = await run('vitest', [
    'run',
    '--project',
    '!lab',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ])
  const report = JSON.parse(readFileSync(file, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numPendingTests: number
    numTotalTests: number
  }
  totals.passed += report.numPassedTests
  totals.failed += report.numFailedTests
  totals.skipped += report.numPendingTests
  if ('missing' in findTerraform()) durations.push('TERRAFORM DID NOT READ ITS FILES, see above')
  return ok && report.numPassedTests > 0
})
await step('browser tests', async () => {
  const file = join(reports, 'playwright.json')
  const ok = await run('playwright', ['test', '--reporter=list,json'], { PLAYWRIGHT_JSON_OUTPUT_FILE: file })
  const { stats } = JSON.parse(readFileSync(file, 'utf8')) as {
    stats: { expected: number, unexpected: number, flaky: number, skipped: number }
  }
  totals.passed += stats.expected + stats.flaky
  totals.failed += stats.unexpected
  totals.skipped += stats.skipped
  return ok && stats.expected > 0
})
await step('the whole stack', async () => {
  const reasons = await withLabLock(checkPrerequisites)
  if (reasons.length) {
    console.warn(
      `\n!!! NOT TESTED: the whole stack (tests/lab). This machine cannot have a lab:\n${reasons.map(reason => `!!!   ${reason}`).join('\n')}\n`,
    )
    durations.push('THE WHOLE STACK WAS NOT TESTED, see above')
    return true
  }
  const file = join(reports, 'lab.json')
  const ok = await run('vitest', [
    'run',
    '--project',
    'lab',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ])
  const report = JSON.parse(readFileSync(file, 'utf8')) as { numPassedTests: number, numFailedTests: number }
  totals.passed += report.numPassedTests
  totals.failed += report.numFailedTests
  return ok && report.numPassedTests > 0
})
finish()
