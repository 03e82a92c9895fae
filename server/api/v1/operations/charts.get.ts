import { requireOperator } from '#server/edge/operator.ts'
import { services } from '#server/lifecycle/services.ts'

export default defineEventHandler(async (event) => {
  await requireOperator(event)
  return services().operations.charts()
})
