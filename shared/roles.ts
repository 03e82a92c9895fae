import { describedPermissions, type Permission } from './features.ts'

export type { Permission }

/** Roles in an organisation, the mightiest first. A member has exactly one. */
export const roles = ['owner', 'manager', 'dispatcher', 'driver', 'viewer'] as const
export type Role = (typeof roles)[number]

/** The roles that have each permission. An endpoint asks for a permission, never for a role. */
export const permissions = Object.fromEntries(
  Object.entries(describedPermissions).map(([permission, { roles }]) => [permission, roles]),
) as Readonly<Record<Permission, readonly Role[]>>

/** Whether `role` carries `permission`. */
export function may(role: Role, permission: Permission): boolean {
  return permissions[permission].includes(role)
}

/**
 * Whether a member with `actor` may give, change or take away `target`. Only an owner touches owners, so
 * that a manager can neither make himself one nor lock the owners out.
 */
export function mayManageRole(actor: Role, target: Role): boolean {
  if (!may(actor, 'members:write')) return false
  return actor === 'owner' || target !== 'owner'
}
