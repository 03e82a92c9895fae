import { bigint, customType, integer, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/** Uploaded and made files, where no bucket is set; see `server/database/files.ts`. */
export const files = pgTable('files', {
  id: uuid('id').primaryKey(),
  key: text('key').notNull(),
  contentType: text('content_type').notNull(),
  bytes: bigint('bytes', { mode: 'number' }),
  chunks: integer('chunks'),
  begunAt: moment('begun_at').notNull().defaultNow(),
  /** Null: nobody reads it yet, or ever. */
  completedAt: moment('completed_at'),
})

export const fileChunks = pgTable('file_chunks', {
  fileId: uuid('file_id').notNull(),
  position: integer('position').notNull(),
  data: bytea('data').notNull(),
}, table => [primaryKey({ columns: [table.fileId, table.position] })])
