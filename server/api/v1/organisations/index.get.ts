import { defineEndpoint } from '#server/edge/endpoint.ts'
import { organisationsOf } from '#server/identity/organisations.ts'
import { services } from '#server/lifecycle/services.ts'
import { Organisations } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'List the organisations that you belong to',
  permission: 'signed-in',
  output: Organisations,
  handler: async ({ caller }) => {
    const items = await organisationsOf(services(), caller.userId)
    return { items, nextCursor: null, total: items.length }
  },
})
