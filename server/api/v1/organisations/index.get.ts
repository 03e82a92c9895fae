import { requireUser } from '#server/edge/principal.ts'
import { organisationsOf } from '#server/identity/organisations.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  const items = await organisationsOf(services(), user.userId)
  return { items, nextCursor: null, total: items.length }
})
