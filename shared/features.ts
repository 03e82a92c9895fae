/**
 * What there is in Fleet2, feature by feature: the one description of each. Made from it are
 *
 * - the permissions and the roles that have them (`shared/roles.ts`, the table in `docs/identity.md`);
 * - the menu, its keyboard shortcuts and their list (`composables/navigation.ts`);
 * - the types of live `changed` events, and who is told of them (`shared/live.ts`);
 * - the audit log's actions, their words and categories (`shared/audit-actions.ts`, `docs/audit.md`);
 * - what people call jobs (`shared/jobs.ts`);
 * - what `undo` brings back (`server/undo/tables.ts`);
 * - the pages that the browser tests look at, and the lists whose dialogs they open.
 *
 * Plain data without imports: every page loads it. `npm run docs` writes what is made from it.
 */

/** Who has a permission, and what it allows, in words that follow "may". */
interface PermissionDescription {
  roles: readonly string[]
  may: string
  /** What a role may not do all the same. */
  except?: Readonly<Record<string, string>>
}

/** Where a feature is found. */
export interface PageDescription {
  path: string
  label: string
  icon: string
  /** Which menu it stands in: beside the pages (the default), or the user's own. */
  menu?: 'main' | 'user'
  /** Whoever has it sees the page; none: every member. `operator`: whom the configuration names. */
  needs?: string
  /** The key that leads there, after G. */
  key?: string
  /** The button of a list that opens its dialog. */
  add?: string
}

/** An entry of the audit log, `<thing>.<what happened>`. */
export interface AuditDescription {
  /** What the person did to the thing; needed where the action's own words make no sentence. */
  words?: string
  /** When it is written, where that is not plain from its name. */
  when?: string
}

export interface FeatureDescription {
  permissions?: Readonly<Record<string, PermissionDescription>>
  page?: PageDescription
  /** The things whose changes browsers are told of, each with the permission to read it. */
  live?: Readonly<Record<string, string>>
  audit?: Readonly<Record<string, AuditDescription>>
  /** The kinds of jobs that people see, and what they call them. */
  jobs?: Readonly<Record<string, string>>
  /**
   * The tables whose rows `undo` brings back, each with what a row is called in audit log and live events
   * (`<thing>.restored` is an action of its own). The row's `name` is its label.
   */
  undo?: Readonly<Record<string, string>>
}

const everyone = ['owner', 'manager', 'dispatcher', 'driver', 'viewer'] as const
const office = ['owner', 'manager', 'dispatcher'] as const
const managers = ['owner', 'manager'] as const
const owners = ['owner'] as const

/** In the order of the menu. */
export const features = {
  overview: {
    page: { path: '/', label: 'Overview', icon: 'i-lucide-map', key: 'O' },
  },
  vehicles: {
    permissions: {
      'vehicles:read': { roles: everyone, may: 'see vehicles, the map and tracks' },
      'vehicles:write': { roles: managers, may: 'add, change, remove and restore vehicles' },
    },
    page: {
      path: '/vehicles', label: 'Vehicles', icon: 'i-lucide-truck', key: 'V', add: 'Add vehicle',
    },
    live: { vehicle: 'vehicles:read' },
    audit: { 'vehicle.created': {}, 'vehicle.updated': {}, 'vehicle.removed': {}, 'vehicle.restored': {} },
    undo: { vehicles: 'vehicle' },
  },
  devices: {
    permissions: {
      'devices:read': { roles: office, may: 'see devices, and which of them are in a vehicle' },
      'devices:write': { roles: managers, may: 'add, change and remove devices, and renew their tokens' },
    },
    page: {
      path: '/devices', label: 'Devices', icon: 'i-lucide-radio-tower', needs: 'devices:read', key: 'D',
      add: 'Add device',
    },
    live: { 'device': 'devices:read', 'device-event': 'devices:read' },
    audit: {
      'device.created': { when: '`tokenRequired` and `addressRequired` say what it must show' },
      'device.updated': { when: 'also when its messages are kept as they come (`recordingUntil`)' },
      'device.removed': {},
      'device.token-renewed': { words: 'renewed the token of device' },
      'device.assigned': { when: 'also when its vehicle is restored' },
      'device.unassigned': { when: 'also when its vehicle is removed' },
      'device.fitting-added': { words: 'added a past assignment of device' },
      'device.fitting-corrected': { words: 'corrected an assignment of device' },
      'device.fitting-removed': { words: 'removed an assignment of device' },
      'device.history-moved': {
        words: 'moved the history of device',
        when: 'by the job that moves what a correction did not move at once',
      },
      'ingest-address.created': {
        words: 'created the ingest address',
        when: 'the organisation\'s own ([devices.md](devices.md)); its key is not in the entry',
      },
      'ingest-address.renewed': { words: 'renewed the ingest address' },
      'unknown-device.dismissed': { when: 'one that is made a device is `device.created`' },
      'device-replay.requested': {
        words: 'started the replay of device', when: 'messages of a device judged anew after a correction',
      },
      'device-replay.completed': {
        words: 'completed the replay of device', when: 'says how many messages were used',
      },
    },
    jobs: { 'fitting-history': 'Moving positions to another vehicle', 'device-replay': 'Device replay' },
    undo: { devices: 'device' },
  },
  members: {
    permissions: {
      'members:read': { roles: office, may: 'see members' },
      'members:write': {
        roles: managers, may: 'invite, change roles, remove members', except: { manager: 'but not owners' },
      },
    },
    page: {
      path: '/members', label: 'Members', icon: 'i-lucide-users', needs: 'members:read', key: 'M',
      add: 'Invite',
    },
    live: { member: 'members:read', invitation: 'members:read' },
    audit: {
      'member.joined': { words: 'joined as member' },
      'member.role-changed': { words: 'changed the role of member' },
      'member.removed': {},
      'member.left': { words: 'left as member' },
      'invitation.created': {},
      'invitation.revoked': {
        when: 'by hand, because its inviter may not issue it any more (`invitedBy` then stands in it), or '
          + 'because the member with its address was removed',
      },
    },
    undo: { memberships: 'member' },
  },
  organisations: {
    permissions: { 'organisation:write': { roles: owners, may: 'change the organisation\'s name and time zone' } },
    live: { organisation: 'vehicles:read' },
    audit: {
      'organisation.created': { when: 'sign-up, or a further organisation' },
      'organisation.updated': { when: 'name or time zone' },
      'organisation.retention-changed': {
        words: 'changed the data retention of', when: 'how long data is kept',
      },
    },
    undo: { organisations: 'organisation' },
  },
  accounts: {
    audit: {
      'account.created': { when: 'signing up, or joining as a newcomer' },
      'account.signed-in': {},
      'account.sign-in-refused': { when: 'a wrong password for an account that exists' },
      'account.signed-out': {},
      'account.session-ended': { when: 'in Settings' },
      'account.other-sessions-ended': { when: 'in Settings' },
      'account.password-changed': {},
      'account.password-refused': { when: 'an incorrect current password, by someone who is signed in' },
      'account.password-reset-requested': { when: 'a link was mailed' },
      'account.password-reset': { when: 'the link was used' },
      'account.renamed': { when: 'the person\'s name' },
      'account.organisation-entered': {
        when: 'a session that worked in another organisation works in this one from now on',
      },
    },
  },
  audit: {
    permissions: { 'audit:read': { roles: managers, may: 'read and export the audit log' } },
    page: {
      path: '/audit', label: 'Audit log', icon: 'i-lucide-scroll-text', needs: 'audit:read', key: 'A',
    },
    audit: {
      'audit-export.requested': {
        words: 'started the export', when: 'an export of this log as CSV ([jobs.md](jobs.md))',
      },
      'audit-export.completed': { words: 'completed the export', when: 'its file is there' },
      'audit-export.downloaded': { words: 'downloaded the export', when: 'each download' },
    },
    jobs: { 'audit-export': 'Audit log export' },
  },
  jobs: {
    permissions: {
      'jobs:read': { roles: managers, may: 'see jobs and download their files' },
      'jobs:write': { roles: managers, may: 'cancel and retry jobs' },
    },
    page: { path: '/jobs', label: 'Jobs', icon: 'i-lucide-list-checks', needs: 'jobs:read', key: 'J' },
    live: { job: 'jobs:read' },
    audit: { 'job.cancelled': { when: 'by hand' }, 'job.retried': { when: 'by hand' } },
  },
  mail: {
    permissions: { 'mail:read': { roles: owners, may: 'see the email that was sent, and read what could not be' } },
    page: { path: '/mail', label: 'Email', icon: 'i-lucide-mail', needs: 'mail:read' },
    audit: {
      'mail.read': {
        words: 'read the email to',
        when: 'an owner was shown a mail, with its link, because there is no mail server ([mail.md](mail.md))',
      },
    },
    jobs: { mail: 'Email' },
  },
  operations: {
    page: { path: '/ops', label: 'Operations', icon: 'i-lucide-activity', needs: 'operator' },
  },
  settings: {
    page: { path: '/settings', label: 'Settings', icon: 'i-lucide-settings', menu: 'user', key: 'S' },
  },
  status: {
    page: { path: '/status', label: 'Status', icon: 'i-lucide-activity', menu: 'user' },
  },
  api: {
    page: { path: '/api-reference', label: 'API reference', icon: 'i-lucide-braces', menu: 'user' },
  },
} as const satisfies Record<string, FeatureDescription>

type Features = typeof features
/** The names that some part of the descriptions has, of all features. */
type NamesOf<Part extends keyof FeatureDescription> = {
  [Name in keyof Features]: Features[Name] extends { [P in Part]: infer Found } ? keyof Found : never
}[keyof Features]
type ValuesOf<Part extends keyof FeatureDescription> = {
  [Name in keyof Features]: Features[Name] extends { [P in Part]: infer Found } ? Found[keyof Found] : never
}[keyof Features]

export type Permission = NamesOf<'permissions'>
/** What a live `changed` event can be about. */
export type LiveType = NamesOf<'live'>
/** A table whose rows `undo` brings back, and what one of them is called. */
export type RestoredTable = NamesOf<'undo'>
export type RestoredType = ValuesOf<'undo'>
/** What is written into the audit log. */
export type AuditAction = NamesOf<'audit'> | `${RestoredType}.restored`

const descriptions: readonly FeatureDescription[] = Object.values(features)

/** That part of all features, in one. */
function together<Part extends 'permissions' | 'live' | 'audit' | 'jobs' | 'undo'>(part: Part) {
  return Object.assign({}, ...descriptions.map(feature => feature[part])) as
    Readonly<Record<NamesOf<Part>, NonNullable<FeatureDescription[Part]>[string]>>
}

export const describedPermissions = together('permissions')
export const describedActions = together('audit')
/** The permission to read each thing that browsers are told of. */
export const readableBy = together('live') as Readonly<Record<LiveType, Permission>>
export const jobNames: Readonly<Record<string, string>> = together('jobs')
export const restoredTypes = together('undo') as Readonly<Record<RestoredTable, RestoredType>>
export const describedPages: readonly PageDescription[]
  = descriptions.flatMap(({ page }) => page ? [page] : [])
