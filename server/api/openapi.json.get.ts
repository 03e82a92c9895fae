import { defineEndpoint } from '#server/edge/endpoint.ts'
import { ApiDocument } from '#shared/schemas/api-document.ts'

export default defineEndpoint({
  summary: 'Read this document',
  description: 'As a page: `/api-reference`.',
  permission: 'public',
  output: ApiDocument,
  // Read when it is first asked for: it is made of the endpoints, and this is one of them.
  handler: async () => {
    const { default: document } = await import('#shared/api/openapi.json', { with: { type: 'json' } })
    return document
  },
})
