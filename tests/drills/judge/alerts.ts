import type { Firing } from '../alerts/course.ts'
import type { Scenario } from '../scenarios.ts'

/** What of a scenario's alerts was not as its row says, in words. `firings`: those that began with it. */
export function wrongAlerts(
  { alerts, perhaps = [] }: Pick<Scenario, 'alerts' | 'perhaps'>,
  firings: Firing[],
): string[] {
  const fired = firings.map(({ alert }) => alert)
  const missing = (alerts ?? [])
    .filter(alert => !fired.includes(alert))
    .map(alert => `the alert ${alert} did not fire`)
  const surplus = firings
    .filter(({ alert, severity }) =>
      alerts ? ![...alerts, ...perhaps].includes(alert) : severity !== 'info',
    )
    .map(({ alert, severity }) => `the alert ${alert} (${severity}) fired`)
  return [...missing, ...surplus]
}
