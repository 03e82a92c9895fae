import { describedActions, describedPermissions, restoredTypes } from '../../shared/features.ts'
import { roles } from '../../shared/roles.ts'

/** `docs/identity.md` with its table of what each role may do made anew. */
export function withRoleTable(page: string): string {
  const rows = Object.entries(describedPermissions).map(([permission, description]) => {
    const { may, roles: having, except = {} } = description
    const cells = roles.map(role => having.includes(role) ? except[role] ?? 'yes' : '')
    return `| ${may} | \`${permission}\` | ${cells.join(' | ')} |`
  })
  const head = [`| may | permission | ${roles.join(' | ')} |`, `| ---${' | ---'.repeat(roles.length + 1)} |`]
  return between('roles', page, [...head, ...rows])
}

/** `docs/audit.md` with its table of actions made anew. */
export function withActionTable(page: string): string {
  const rows = Object.entries(describedActions)
    .map(([action, { when = '' }]) => `| \`${action}\` | ${when} |`)
  const restored = [...new Set(Object.values(restoredTypes))].map(type => `\`${type}.restored\``).sort()
  const undone = `| ${restored.join(', ')} by "… (operator)" | brought back to an earlier moment `
    + '([a wrong click](disaster-recovery-runbook.md#a-wrong-click)); `reason` and `restoredTo` say why and to '
    + 'which |'
  return between('actions', page, ['| action | when |', '| --- | --- |', ...rows, undone])
}

function between(name: string, page: string, lines: string[]): string {
  return page.replace(
    new RegExp(`(<!-- ${name}:begin -->\n)[\\s\\S]*?(<!-- ${name}:end -->)`),
    (_, begin: string, end: string) => `${begin}${lines.join('\n')}\n${end}`,
  )
}
