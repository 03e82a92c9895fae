import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, describe, expect, it } from 'vitest'
import { noticeLimitBytes, readNotice, watchNotice } from '#server/health/notice.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'fleet2-notice-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

function file(content?: string | Buffer): string {
  const path = join(folder, `notice-${files++}.json`)
  if (content !== undefined) writeFileSync(path, content)
  return path
}
const right = { title: 'Slow maps', text: 'We are on it.\nMore at noon.', since: '2026-11-24T08:30:00+01:00' }
const faultOf = (path: string) => readNotice(path).then(() => null, (error: Error) => error.message)

describe('the operator\'s notice', () => {
  it('is title, text and since, as they were written', async () => {
    expect(await readNotice(file(JSON.stringify(right)))).toEqual(right)
    // What else stands there is not shown.
    expect(await readNotice(file(JSON.stringify({ ...right, author: 'Kim' })))).toEqual(right)
  })
  it('to begin with is a right one', async () => {
    const example = fileURLToPath(new URL('../../deploy/status/notice.example.json', import.meta.url))
    expect(await readNotice(example)).toMatchObject({ title: expect.stringContaining('not saved') })
  })
  it('is none where there is no file, or an empty one', async () => {
    expect(await readNotice(file())).toBeNull()
    expect(await readNotice(file(' \n'))).toBeNull()
  })
  it('of the longest texts is not too large, in whatever characters', async () => {
    const title = '\u{1F69A}'.repeat(60)
    const text = '\u{1F69A}'.repeat(1_000)
    const escaped = JSON.stringify({ ...right, title, text })
      .replace(/[\ud800-\udfff]/g, unit => `\\u${unit.charCodeAt(0).toString(16)}`)
    expect(await readNotice(file(escaped))).toEqual({ ...right, title, text })
  })
  it.each<[string, string | Buffer, RegExp]>([
    ['is no JSON', 'The maps are slow.', /not JSON.*"title".*"text".*"since"/],
    ['is half written', JSON.stringify(right).slice(0, 40), /not JSON/],
    ['is JSON of another kind', '["title"]', /the whole .*object/],
    ['is null', 'null', /the whole .*object/],
    ['has no title', JSON.stringify({ ...right, title: undefined }), /^title must be text$/],
    ['has an empty text', JSON.stringify({ ...right, text: 7 }), /^text must be text$/],
    ['has a title of two lines', JSON.stringify({ ...right, title: 'a\nb' }), /^title .*control characters/],
    ['has too long a text', JSON.stringify({ ...right, text: 'x'.repeat(2_001) }), /^text .*2000/],
    ['has no moment', JSON.stringify({ ...right, since: 'yesterday' }), /^since must be an ISO 8601 time/],
    ['has several faults', '{}', /^title .*; text .*; since /],
    ['is too large', `{"title":"${'x'.repeat(noticeLimitBytes)}"}`, /larger than 65536 bytes/],
    ['is not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /not UTF-8/],
  ])('that %s is refused, and it is said what is wrong', async (_, content, fault) => {
    expect(await faultOf(file(content))).toMatch(fault)
  })
  it('is never waited for where the path names something else than a file', async () => {
    const pipe = file()
    execFileSync('mkfifo', [pipe])
    expect(await faultOf(pipe)).toMatch(/not a file/)
    expect(await faultOf(folder)).toMatch(/not a file/)
    expect(await faultOf('/dev/zero')).toMatch(/not a file/)
  })
})

describe('watching the notice', () => {
  it('shows what is written, drops what is wrong, and logs each fault once', async () => {
    const lines: string[] = []
    const sink = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk))
        done()
      },
    })
    const path = file()
    const notice = watchNotice({ path, log: pino(sink), everyMs: 5 })
    try {
      await notice.start()
      expect([notice.current(), notice.state()]).toEqual([null, 'none'])
      writeFileSync(path, JSON.stringify(right))
      await until(() => notice.current()?.title === right.title, 'the notice to be shown')
      expect(notice.state()).toBe('shown')
      writeFileSync(path, '{"title": 7}')
      await until(() => notice.state() === 'refused', 'the fault to be noticed')
      expect(notice.current()).toBeNull()
      // Many looks later it has been said once.
      await new Promise(resolve => setTimeout(resolve, 100))
      expect(lines.filter(line => line.includes('title must be text'))).toHaveLength(1)
      writeFileSync(path, '')
      await until(() => notice.state() === 'none', 'the fault to be mended')
      expect(lines.at(-1)).toContain('as it should be again')
    }
    finally {
      notice.stop()
    }
  })
  it('without a path looks at nothing', async () => {
    const notice = watchNotice({ path: null, log: pino({ level: 'silent' }) })
    await notice.start()
    expect([notice.current(), notice.state()]).toEqual([null, 'none'])
    notice.stop()
  })
})
