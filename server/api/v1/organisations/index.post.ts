import { created, defineEndpoint } from '#server/edge/endpoint.ts'
import { createOrganisation } from '#server/identity/organisations.ts'
import { services } from '#server/lifecycle/services.ts'
import { OrganisationCreate, OrganisationSummary } from '#shared/identity.ts'

export default defineEndpoint({
  summary: 'Make an organisation, and own it',
  permission: 'signed-in',
  input: { body: OrganisationCreate },
  output: created(OrganisationSummary, ({ id }) => `/api/v1/organisations/${id}`),
  errors: ['too-many-requests'],
  handler: ({ caller, body }) => createOrganisation(services(), caller, body),
})
