import type { Lab } from '../../../lab/types.ts'
import { waitFor } from '../../../lab/wait.ts'
import { alerts } from '../../deploy/alerts/rules.ts'
import type { Receivers } from '../../support/alert-receivers.ts'
import { toldNext } from './alertmanager.ts'
import type { Course, Delivery } from './course.ts'
import { deliveriesOf } from './deliveries.ts'
import { judgeAlerts, type AlertVerdict } from './judge.ts'
import { firingsBetween, quiet } from './prometheus.ts'
import type { AlertRow } from './rows.ts'

/** The longest `for` of a row is a minute, and `group_wait` half of one: past this it does not come. */
const toldLimitMs = 180_000
/** What else comes of the fault comes with it, or within two evaluations of the rules. */
const standardBesidesMs = 6_000
const wholeLimitMs = 120_000

/** Of the machine that carries the lab, not of the lab: whatever else it does at the moment. */
const ofTheMachine = alerts.filter(({ labels }) => labels.component === 'host').map(({ alert }) => alert)

/** From quiet to quiet: the fault, until all were told; the healing, until all were told of the end. */
export async function round(
  row: AlertRow, lab: Lab, receivers: Receivers, { besidesMs = standardBesidesMs } = {},
): Promise<Course> {
  await lab.healthy({ limitMs: wholeLimitMs })
  await quiet(lab)
  const faultAt = Date.now()
  const told = (): Delivery[] => deliveriesOf(receivers)
    .filter(({ at, alert }) => at >= faultAt && !ofTheMachine.includes(alert))
  const course: Course = {
    row: row.name,
    what: '',
    faultAt,
    healedAt: faultAt,
    wholeAt: null,
    endAt: faultAt,
    firings: [],
    deliveries: [],
    next: [],
  }
  /** Waits until every alert of the row has so much; the judge says what is missing. */
  const reached = (what: string, figure: (verdict: AlertVerdict) => unknown[]) => waitFor(what, () => {
    const verdict = judgeAlerts(row, { ...course, deliveries: told() })
    return figure(verdict).every(value => value !== null)
  }, { limitMs: toldLimitMs, everyMs: 250 }).catch(() => {})

  const hurt = await row.inject(lab)
  course.what = hurt.what
  await reached('the messages', ({ alerts }) => alerts.map(({ delivered }) => delivered))
  await new Promise(resolve => setTimeout(resolve, besidesMs))
  course.next = await toldNext(lab)
  course.healedAt = Date.now()
  await hurt.heal()
  await lab.healthy({ limitMs: wholeLimitMs }).then(() => course.wholeAt = Date.now(), () => {})
  await reached('the messages of the end', ({ alerts }) => alerts.map(({ over }) => over))
  // A second page, if there is one, comes when what held it back is over.
  await quiet(lab).catch(() => {})
  course.endAt = Date.now()
  return { ...course, deliveries: told(), firings: await firingsBetween(lab, faultAt, course.endAt) }
}
