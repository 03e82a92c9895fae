import { defineEndpoint } from '#server/edge/endpoint.ts'
import { services } from '#server/lifecycle/services.ts'
import { OperationsCharts } from '#shared/operations.ts'

export default defineEndpoint({
  summary: 'Read the operators\' charts',
  permission: 'operator',
  output: OperationsCharts,
  handler: () => services().operations.charts(),
})
