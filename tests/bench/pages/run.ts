import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { SignedUp } from '../../support/client.ts'
import { pageSize } from '../../support/page-sizes.ts'
import { experience, startBrowser, type Experience } from './in-browser.ts'
import { fleets, startInstallation, type Subject } from './installation.ts'
import { compareCost } from './server-cost.ts'

/**
 * `npm run bench:pages -- [--before DIR] [--rounds N] [--visits N] [--write]`: what pages cost the server,
 * and what they cost a browser whose processor is slowed four times. In one run and in turn: this tree's
 * build, that of DIR (a checkout that has been built), and a bare Nuxt page with the same fifty rows in a
 * plain table. Ratios count. `--write` puts them into docs/benchmarks.md.
 */
const { values: options } = parseArgs({
  options: {
    before: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    visits: { type: 'string', default: '5' },
    write: { type: 'boolean' },
  },
})
const rounds = Number(options.rounds)
const visits = Number(options.visits)
const pages = ['/', '/vehicles', '/devices', '/members', '/audit'] as const

const installation = await startInstallation(options.before)
const lines: string[] = []
try {
  await serverCosts()
  await sizes()
  await inBrowser()
}
finally {
  await installation.stop()
}
if (options.write) await writeDown()
// Node itself can spin for ever while it takes down what a pool has left half closed (seen with 24.21).
process.exit()

async function serverCosts() {
  const heads = [
    'page', 'CPU a request, ratio to bare Nuxt', 'before / now', 'CPU now', 'CPU before', 'bytes now',
    'bytes before',
  ]
  say(`| ${heads.join(' | ')} |`)
  say('| --- | --- | --- | --- | --- | --- | --- |')
  const bare = installation.subjects.at(-1)!
  const ours = installation.subjects.slice(0, -1)
  const measure = async (name: string, path: string, count: number) => {
    const asked = [...ours.map(subject => ({ subject, path })), { subject: bare, path: '/' }]
    const costs = await compareCost(asked, owner(count), rounds)
    const [now, before, reference] = [costs.get('now')!, costs.get('before'), costs.get('bare Nuxt')!]
    const ratio = (a: number[], b: number[]) =>
      median(a.map((value, n) => value / Math.max(b[n]!, 0.2))).toFixed(2)
    say(`| ${[
      name, ratio(now.milliseconds, reference.milliseconds),
      before ? ratio(before.milliseconds, now.milliseconds) : '–', ms(median(now.milliseconds)),
      before ? ms(median(before.milliseconds)) : '–', now.bytes, before?.bytes ?? '–',
    ].join(' | ')} |`)
  }
  for (const path of pages.slice(1)) await measure(`${path}, 50 vehicles`, path, 50)
  for (const count of fleets) await measure(`/, ${count} vehicles`, '/', count)
}

/** What a page has the browser load before it is at work, and the fleet beside it. */
async function sizes() {
  say('')
  say('| page | code, gzip | before | of the map, beside it | before | style | document |')
  say('| --- | --- | --- | --- | --- | --- | --- |')
  for (const path of pages) {
    const [before, now] = await Promise.all((['before', 'now'] as const).map(async (name) => {
      const subject = installation.subjects.find(one => one.name === name)
      if (!subject) return null
      return pageSize(await (await get(subject, path, 50)).text(), subject.files)
    }))
    const kb = (bytes: number | undefined) => bytes === undefined ? '–' : `${(bytes / 1000).toFixed(0)} KB`
    const { script, map, style, html } = now!
    say(`| ${[path, kb(script), kb(before?.script), kb(map), kb(before?.map), kb(style), kb(html)].join(' | ')} |`)
  }
  say('')
  say('| vehicles | the fleet, brotli | a vehicle |')
  say('| --- | --- | --- |')
  const now = installation.subjects.find(({ name }) => name === 'now')!
  for (const count of fleets) {
    const answer = await get(now, '/api/v1/fleet', count)
    await answer.arrayBuffer()
    const bytes = Number(answer.headers.get('content-length'))
    say(`| ${count} | ${bytes} B | ${(bytes / count).toFixed(1)} B |`)
  }
}

async function inBrowser() {
  say('')
  say('| page | visit | build | first paint | largest paint | blocked | shift | click to frame |')
  say('| --- | --- | --- | --- | --- | --- | --- | --- |')
  const browser = await startBrowser()
  const ours = installation.subjects.slice(0, -1)
  for (const [path, count] of [...pages.map(path => [path, 50] as const), ['/', 10_000] as const]) {
    const none = () => ({ cold: [] as Experience[], warm: [] as Experience[] })
    const seen = new Map(ours.map(({ name }) => [name, none()]))
    for (let visit = 0; visit < visits; visit++) {
      for (const subject of ours) {
        const { cold, warm } = await experience(browser, subject, path, owner(count))
        seen.get(subject.name)!.cold.push(cold)
        seen.get(subject.name)!.warm.push(warm)
      }
    }
    for (const kind of ['cold', 'warm'] as const) {
      for (const [name, values] of seen) {
        const figure = (key: keyof Experience) => median(values[kind].map(one => one[key]))
        say(`| ${[
          `${path}, ${count} vehicles`, kind, name, ...(['firstPaint', 'largestPaint', 'blocked'] as const)
            .map(key => ms(figure(key))), figure('shift').toFixed(3), ms(figure('interaction')),
        ].join(' | ')} |`)
      }
    }
  }
  await browser.close()
}

function owner(count: number): SignedUp {
  return installation.owners.get(count)!
}

async function get({ url }: Subject, path: string, count: number): Promise<Response> {
  const answer = await fetch(url + path, {
    headers: { 'cookie': owner(count).cookie(), 'accept-encoding': 'br', 'sec-fetch-site': 'same-origin' },
  })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
  return answer
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function ms(value: number): string {
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`
}

function say(line: string) {
  lines.push(line)
  console.log(line)
}

async function writeDown() {
  const page = fileURLToPath(new URL('../../../docs/benchmarks.md', import.meta.url))
  const text = await readFile(page, 'utf8')
  const how = `Medians of ${rounds} rounds of 25 requests and of ${visits} visits, ${cpus().length} shared cores, `
    + 'PostgreSQL 18 with fsync and the browser on the same machine, which had other work too.'
  await writeFile(page, text.replace(
    /(<!-- pages:begin -->\n)[\s\S]*(<!-- pages:end -->)/,
    (_, begin: string, end: string) => `${begin}\n${how}\n\n${lines.join('\n')}\n\n${end}`,
  ))
}
