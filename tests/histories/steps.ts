import type { Action, Step } from './history.ts'

export function isChange({ kind }: Action): boolean {
  return kind === 'write' || kind === 'append' || kind === 'edit'
}

/** The same of a step. */
export function isWrite(step: Step): boolean {
  return isChange(step.action)
}

/** Whose step it was, and what, for the report of a violation. */
export function name({ client, action }: Step): string {
  return `client ${client}: ${what(action)}`
}

function what(action: Action): string {
  const slowly = 'sleepMs' in action && action.sleepMs ? ` in ${action.sleepMs} ms` : ''
  const manner = 'manner' in action && action.manner ? ` (${action.manner})` : ''
  switch (action.kind) {
    case 'write': return `write ${action.value} to ${action.key}${slowly}`
    case 'append': return `append ${action.id}`
    case 'edit': return `edit ${action.id} as ${action.edit}`
    case 'read': return `read ${action.key}${slowly}${manner}`
    case 'readList': return `read the list${manner}`
  }
}

export function groupBy<T>(items: T[], key: (item: T) => unknown): T[][] {
  const groups = new Map<unknown, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return [...groups.values()]
}
