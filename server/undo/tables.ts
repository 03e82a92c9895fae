import { restoredTypes, type RestoredTable, type RestoredType } from '#shared/features.ts'

/** How the rows of one table come back. Expressions are SQL over a row `t`. */
export interface Restored {
  /** What a row is called in the audit log and in live events. */
  type: RestoredType
  /** What people call the row. */
  label: string
  /** What stands for an id where people read it: the field's name there, and its text. */
  words?: Record<string, { as: string, text: string }>
  /** Columns that stay as they are in a row that is still there, and why. */
  keeps?: Record<string, string>
  /** Such rows come back only where the operator names the table, and why. */
  onlyNamed?: string
}

/** What is to be known of a table beyond what all of them have: a row's name is its label. */
const special: Partial<Record<RestoredTable, Partial<Restored>>> = {
  memberships: {
    label: '(SELECT u.name FROM users u WHERE u.id = t.user_id)',
    words: { user_id: { as: 'email', text: '(SELECT u.email FROM users u WHERE u.id = t.user_id)' } },
    onlyNamed:
      'it says who may work in the organisation, and somebody may have been removed with good reason',
  },
  devices: {
    words: {
      vehicle_id: { as: 'vehicle', text: '(SELECT v.name FROM vehicles v WHERE v.id = t.vehicle_id)' },
    },
    keeps: {
      token_hash: 'a token that was renewed may have been in wrong hands',
      previous_token_hash: 'a token that was renewed may have been in wrong hands',
      previous_token_until: 'as long as the token before it is taken, and no longer',
      token_required: 'a device that must show its token since does so for a reason',
      address_required: 'goes with whether it needs a token',
      own_identifier: 'goes with whether it needs a token, and with who has its name',
      identifier: 'goes with whether it needs a token, and with who has its name',
    },
  },
}

/** Every table with an organisation's rows that comes back. Columns, keys and order are the catalogue's. */
export const restoredTables: Record<string, Restored> = Object.fromEntries(
  Object.entries(restoredTypes).map(([table, type]) => [
    table, { type, label: 't.name', ...special[table as RestoredTable] },
  ]),
)

/** The column that says that people have removed a row, in every table whose removed rows are kept. */
export const removedAt = 'removed_at'

/** Every other table with an organisation's rows, and why its rows do not come back by themselves. */
export const leftOut: Record<string, string> = {
  device_fittings:
    'history: it comes back with its device, and a device that is moved back begins a new fitting',
  invitations: 'a link with a secret in it: whoever was invited is invited anew',
  positions:
    'a setting deletes them, and an operator copies them back; a device that comes back finds its own',
  position_days: 'made of positions, by the organisation\'s own setting',
  device_events: 'as devices told of them; nobody changes or deletes them',
  ingest_addresses: 'a key that was made anew may have been in wrong hands',
  unknown_devices: 'the next message of one writes it anew',
  recorded_messages: 'as they were sent, and the next ones take their places',
  device_messages: 'as they were sent; people neither change nor delete them',
  quarantined_positions: 'as they were sent; nobody changes or deletes them',
  device_states: 'the next position writes it anew',
  vehicle_states: 'the next position writes it anew',
  audit_entries: 'what happened has happened; undoing is a further entry',
  outbox: 'what browsers have been told',
  mails: 'what was sent was sent; whoever needs it again asks again',
  jobs: 'work that was asked for: whoever needs it again asks again',
  job_schedules: 'the program sets its own up at each start; a person sets the others up anew',
}

/** Columns that the program keeps the books by: nobody changes them, so no difference is made of them. */
export const bookkeeping = ['version', 'updated_at']
