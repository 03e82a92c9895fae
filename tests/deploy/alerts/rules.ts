import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const root = fileURLToPath(new URL('../../..', import.meta.url))
export const monitoring = join(root, 'deploy/monitoring')

export interface Rule {
  record?: string
  alert?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}
export interface Group { name: string, rules: Rule[] }
export interface Alert {
  alert: string
  expr: string
  for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

export const ruleFiles = readdirSync(join(monitoring, 'rules')).map(name => join(monitoring, 'rules', name))

export const recordings = join(monitoring, 'rules/recording.yml')

export const groupsOf = (file: string): Group[] =>
  (parse(readFileSync(file, 'utf8')) as { groups: Group[] }).groups
export const groups: Group[] = ruleFiles.flatMap(groupsOf)

/** The file that an alert stands in. @throws where there is no such alert. */
export function fileOf(alert: string): string {
  const file = ruleFiles.find(file =>
    groupsOf(file).some(({ rules }) => rules.some(rule => rule.alert === alert)),
  )
  if (!file) throw new Error(`No rule makes the alert ${alert}`)
  return file
}

export const alerts: Alert[] = groups.flatMap(({ rules }) =>
  rules.filter((rule): rule is Rule & Alert => Boolean(rule.alert)),
)

export const nameOf = ({ alert, labels }: Pick<Alert, 'alert' | 'labels'>) => `${alert} (${labels.severity})`
