import type { Verdict } from '../judge/judge.ts'
import type { Scenario } from '../scenarios.ts'

/** All runs of one scenario. */
export interface Row {
  scenario: Scenario
  verdicts: Verdict[]
}

/** A figure over several runs is the worst of them. */
const worst = (verdicts: Verdict[], read: (figures: Verdict['figures']) => number | null) => {
  const values = verdicts.map(({ figures }) => read(figures))
  return values.includes(null) ? null : Math.max(...values as number[])
}

/** The table for people: one row a scenario, the worst of its runs. */
export function table(rows: Row[], { pictures }: { pictures?: string } = {}): string {
  const head = [
    'fault',
    'longest write (budget)',
    'longest read (budget)',
    'failed reads / writes',
    'writes sent again',
    'p99 of reads, writes',
    'lost / doubled / backwards',
    'sessions lost / events missed',
    'whole again',
    'held',
  ]
  const seconds = (value: number | null) => value === null ? 'never' : `${value.toFixed(1)} s`
  const lines = rows.map(({ scenario, verdicts }) => {
    const most = (read: (figures: Verdict['figures']) => number | null) => worst(verdicts, read)
    const held = verdicts.filter(({ violations }) => violations.length === 0).length
    const name = pictures ? `[${scenario.name}](${pictures}/${scenario.name}.svg)` : scenario.name
    return [
      `**${name}**: ${scenario.fault}`,
      `${seconds(most(figures => figures.longestWrite))} (${scenario.budget.writesWaitSeconds} s)`,
      `${seconds(most(figures => figures.longestRead))} (${scenario.budget.readsWaitSeconds} s)`,
      `${most(figures => figures.failedReads)} / ${most(figures => figures.failedWrites)}`,
      `${most(figures => figures.repeatedWrites)}`,
      `${most(figures => figures.p99Reads.during ?? 0)}, ${most(figures => figures.p99Writes.during ?? 0)} ms`,
      `${most(figures => figures.lost)} / ${most(figures => figures.doubled)} / ${most(figures => figures.backwards)}`,
      `${most(figures => figures.sessionsLost)} / ${most(figures => figures.eventsMissed)}`,
      seconds(most(figures => figures.secondsUntilWhole)),
      held === verdicts.length
        ? held === 1
          ? 'yes'
          : `yes, ${held} times`
        : `**${held} of ${verdicts.length}**`,
    ]
  })
  return [head, head.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** One line for the terminal. */
export function line({ scenario, violations, figures }: Verdict): string {
  const whole
    = figures.secondsUntilWhole === null ? 'never whole' : `whole in ${figures.secondsUntilWhole.toFixed(1)} s`
  const facts = `writes ${figures.longestWrite.toFixed(1)} s, reads ${figures.longestRead.toFixed(1)} s, failed ${figures.failedReads}/${figures.failedWrites}, again ${figures.repeatedWrites}, lost ${figures.lost}, doubled ${figures.doubled}, backwards ${figures.backwards}, sessions ${figures.sessionsLost}, events ${figures.eventsMissed}, ${whole}`
  return [
    `${violations.length ? '✗' : '✓'} ${scenario.padEnd(22)} ${facts}`,
    ...violations.map(violation => `    ${violation}`),
  ].join('\n')
}
