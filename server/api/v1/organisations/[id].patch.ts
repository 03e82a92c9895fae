import { defineEndpoint } from '#server/edge/endpoint.ts'
import { updateOrganisation } from '#server/identity/organisations.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'
import { OrganisationSummary, OrganisationUpdate } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Change the organisation\'s name or time zone',
  description: 'Of the one that the session works in.',
  permission: 'organisation:write',
  input: { parameters: IdParameter, body: OrganisationUpdate },
  output: OrganisationSummary,
  handler: ({ caller, parameters: { id }, body }) => updateOrganisation(services(), caller, id, body),
})
