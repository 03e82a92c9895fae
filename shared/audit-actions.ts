import { describedActions } from './features.ts'

/** What audit entries are about, by the first part of their actions: what a list is filtered by. */
export const auditCategories: readonly string[]
  = [...new Set(Object.keys(describedActions).map(action => action.split('.')[0]!))]

/** `vehicle.created` as what somebody did: "created vehicle", before its name. Whatever action it is. */
export function actionWords(action: string): string {
  const described = (describedActions as Record<string, { words?: string }>)[action]
  const [thing = '', what = ''] = action.split('.')
  return described?.words ?? `${what.replaceAll('-', ' ')} ${thing}`
}
