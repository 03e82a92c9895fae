import { requireOperator } from '#server/edge/operator.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  const { userId } = await requireOperator(event)
  const { log, operations } = services()
  log.info({ user_id: userId }, 'An operator opened the operators\' view')
  const [view, timeline] = await Promise.all([operations.view(), operations.timeline()])
  return { view, timeline }
})
