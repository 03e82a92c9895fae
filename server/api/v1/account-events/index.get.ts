import { listAccountEvents } from '#server/audit/account-log.ts'
import { query } from '#server/edge/input.ts'
import { requireUser } from '#server/edge/principal.ts'
import { services } from '#server/lifecycle/services.ts'
import { PageQuery } from '#shared/schemas/common.ts'

export default defineEventHandler(async (event) => {
  const user = await requireUser(event)
  return listAccountEvents(services(), user.userId, query(event, PageQuery))
})
