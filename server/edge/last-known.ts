import type { Member } from '#server/identity/member.ts'
import { services } from '#server/lifecycle/services.ts'

/**
 * What `load` gives; while no database server can be reached, the last answer to the same question that
 * anybody in the organisation has had, with `Fleet2-Stale`. Only for questions that every reader in the
 * organisation is answered alike; what is searched for is not kept, there is no end to it.
 */
export function orLastKnown<T>(
  name: string,
  { organisationId }: Member,
  asked: object,
  load: () => Promise<T>,
): Promise<T> {
  if ('search' in asked && asked.search) return load()
  return services().cache.orLastKnown(name, `${organisationId}:${JSON.stringify(asked)}`, load)
}
