import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSink } from '#server/telemetry/sink.ts'

let folder: string
let path: string
let troubles: string[]
let dropped: number
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet2-log-'))
  path = join(folder, 'app.log')
  troubles = []
  dropped = 0
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const open = (fileLimitBytes?: number) => openSink({
  path, fileLimitBytes, onDropped: lines => dropped += lines, onTrouble: message => troubles.push(message),
})
const line = (number: number) => `line ${String(number).padStart(4, '0')}\n`
const lines = (file: string) => readFileSync(file, 'utf8').trim().split('\n')
const numbers = (file: string) => lines(file).map(text => Number(text.slice(5)))

it('a full log file is put aside between two lines, and the newest lines are all there', () => {
  const sink = open(100)
  for (let number = 1; number <= 95; number++) sink.write(line(number))
  expect(readdirSync(folder).sort()).toEqual(['app.log', 'app.log.1'])
  const kept = [...numbers(`${path}.1`), ...numbers(path)]
  expect(kept).toEqual(Array.from({ length: 15 }, (_, index) => 81 + index))
  expect([troubles, dropped]).toEqual([[], 0])
})

it('what an earlier run left in the file counts too', () => {
  writeFileSync(path, line(1).repeat(10))
  const sink = open(100)
  sink.write(line(2))
  expect(numbers(path)).toEqual([2])
  expect(numbers(`${path}.1`)).toHaveLength(10)
})

it('a file that is opened anew is measured anew', () => {
  const sink = open(100)
  for (let number = 1; number <= 9; number++) sink.write(line(number))
  writeFileSync(path, '')
  sink.reopen()
  for (let number = 10; number <= 19; number++) sink.write(line(number))
  expect(readdirSync(folder)).toEqual(['app.log'])
})

it('a line longer than the limit is written whole', () => {
  const sink = open(100)
  sink.write(line(1))
  sink.write(`${'x'.repeat(300)}\n`)
  expect(readFileSync(path, 'utf8')).toBe(`${'x'.repeat(300)}\n`)
})

it('a file that cannot be put aside goes on, and says so; no line is lost', () => {
  // A folder of that name: nothing can be renamed to it.
  mkdirSync(`${path}.1`)
  writeFileSync(join(`${path}.1`, 'in the way'), '')
  const sink = open(100)
  for (let number = 1; number <= 25; number++) sink.write(line(number))
  expect(numbers(path)).toHaveLength(25)
  const words = /^The log file is full and cannot be put aside \(E\w+\): lines go on into it$/
  expect(troubles).toEqual([expect.stringMatching(words), expect.stringMatching(words)])
  expect(dropped).toBe(0)
})

it('a file without a limit grows', () => {
  const sink = open()
  for (let number = 1; number <= 1_000; number++) sink.write(line(number))
  expect(numbers(path)).toHaveLength(1_000)
})
