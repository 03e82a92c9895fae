/** Roles in an organisation, the mightiest first. A member has exactly one. */
export const roles = ['owner', 'manager', 'dispatcher', 'driver', 'viewer'] as const
export type Role = (typeof roles)[number]

/** What a member may do. An endpoint asks for a permission, never for a role. */
export const permissions = {
  'vehicles:read': ['owner', 'manager', 'dispatcher', 'driver', 'viewer'],
  'vehicles:write': ['owner', 'manager'],
  'devices:read': ['owner', 'manager', 'dispatcher'],
  'devices:write': ['owner', 'manager'],
  'members:read': ['owner', 'manager', 'dispatcher'],
  'members:write': ['owner', 'manager'],
  'organisation:write': ['owner'],
  'audit:read': ['owner', 'manager'],
  'jobs:read': ['owner', 'manager'],
  'jobs:write': ['owner', 'manager'],
  'mail:read': ['owner'],
} as const satisfies Record<string, readonly Role[]>
export type Permission = keyof typeof permissions

/** Whether `role` carries `permission`. */
export function may(role: Role, permission: Permission): boolean {
  return (permissions[permission] as readonly Role[]).includes(role)
}

/**
 * Whether a member with `actor` may give, change or take away `target`. Only an owner touches owners, so
 * that a manager can neither make himself one nor lock the owners out.
 */
export function mayManageRole(actor: Role, target: Role): boolean {
  if (!may(actor, 'members:write')) return false
  return actor === 'owner' || target !== 'owner'
}
