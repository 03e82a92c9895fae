import type { LiveEvents } from '#shared/schemas/live.ts'

/**
 * Tells the organisation's browsers what changed. Called after the commit; it never rejects, because the change is
 * already true: who misses the notice sees it with the next fetch.
 */
export type ChangeNotice = (organisationId: string, change: LiveEvents['changed']) => Promise<void>
