import { parseArgs } from 'node:util'
import { breaks, type Break } from './breaks.ts'
import { loop } from './loop.ts'
import { scenarios as byHand, shortSet, type Scenario } from './scenarios.ts'

const scenarios: Scenario[] = [...byHand, ...loop]

export interface Options {
  chosen: Scenario[]
  broken: Break | null
  runs: number
  people: number
  devices: number
  thinkMs: number
  baselineSeconds: number
  local: boolean
  watched: boolean
  keep: boolean
  write: boolean
  folder: string
}

const usage = `Usage: npm run drill -- [--only app-kill,pg-crash] [--short] [--runs 3] [--users 10] [--devices 5] [--think 1000] [--seconds 4]
       [--break ${breaks.map(({ name }) => name).join('|')}] [--local] [--alerts] [--keep] [--write] [--out drill-report] [--list]

  --only      scenarios by their names, * for any letters (--only '*-frozen,pg-*'); --list shows them
  --loop      with those of every node: "only" runs them alone, "without" (the default is "with") leaves them out
  --short     takes ${shortSet.join(', ')}
  --runs      all of them so many times
  --users     people; --think their average pause in milliseconds; --devices trackers, each with a point a second
  --seconds   load before each fault
  --break     takes a protection away and expects the drill to notice: ends with 0 only if it does
  --local     three instances on loopback, without root: the application's scenarios alone
  --alerts    with Prometheus and every exporter: which alerts each scenario raises is judged too, at production's durations;
              waits before each until what it may raise is over, some minutes where roles move
  --keep      leaves the lab up, and takes the one that is up
  --write     puts the table and the pictures into docs/availability.md`

/** The command line of `npm run drill`. Ends the process for --help, --list and what cannot be done. */
export function readOptions(): Options {
  const { values } = parseArgs({ options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    loop: { type: 'string', default: 'with' },
    runs: { type: 'string', default: '1' },
    users: { type: 'string', default: '10' },
    devices: { type: 'string', default: '5' },
    think: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '4' },
    break: { type: 'string' },
    local: { type: 'boolean', default: false },
    alerts: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    out: { type: 'string', default: 'drill-report' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  if (values.list) {
    for (const { name, fault, promise, budget } of scenarios)
      console.log(
        `${name.padEnd(22)} ${fault}\n${' '.repeat(23)}${promise}; writes wait ${budget.writesWaitSeconds} s at most, reads ${budget.readsWaitSeconds} s`,
      )
    process.exit(0)
  }
  const atLeast = (name: 'runs' | 'users' | 'devices' | 'think' | 'seconds', least: number) =>
    Number(values[name]) >= least ? Number(values[name]) : refuse(`--${name} must be a number from ${least}`)
  const broken = values.break
    ? (breaks.find(({ name }) => name === values.break)
      ?? refuse(`--break takes ${breaks.map(({ name }) => name).join(', ')}`))
    : null
  if (values.alerts && values.local) refuse('--alerts needs a whole lab: --local has no Prometheus')
  if (!['with', 'without', 'only'].includes(values.loop)) refuse('--loop must be with, without or only')
  const inLoop = { with: scenarios, without: byHand, only: loop }[values.loop as 'with'] as Scenario[]
  const names
    = values.only?.split(',').flatMap(matching)
      ?? (values.short ? shortSet : broken?.scenarios)
      ?? inLoop.filter(({ part }) => !values.local || part === 'application').map(({ name }) => name)
  return {
    chosen: names.map(
      name =>
        scenarios.find(scenario => scenario.name === name)
        ?? refuse(`There is no scenario ${name}; --list shows them`),
    ),
    broken,
    runs: atLeast('runs', 1),
    people: atLeast('users', 2),
    devices: atLeast('devices', 0),
    thinkMs: atLeast('think', 10),
    baselineSeconds: atLeast('seconds', 1),
    local: values.local,
    watched: values.alerts,
    keep: values.keep,
    write: values.write,
    folder: values.out,
  }
}

/** The scenarios that a name with stars means; the name itself where it has none. */
function matching(pattern: string): string[] {
  if (!pattern.includes('*')) return [pattern]
  const expression = new RegExp(
    `^${pattern
      .split('*')
      .map(part => part.replaceAll(/\W/g, '\\$&'))
      .join('.*')}$`,
  )
  const found = scenarios.filter(({ name }) => expression.test(name)).map(({ name }) => name)
  return found.length ? found : refuse(`No scenario is called like ${pattern}; --list shows them`)
}

function refuse(message: string): never {
  console.error(message)
  process.exit(2)
}
