import { setResponseHeaders } from 'h3'
import { defineEndpoint, file } from '#server/edge/endpoint.ts'
import { openJobFile } from '#server/fleet/jobs/jobs.ts'
import { services } from '#server/lifecycle/services.ts'
import { IdParameter } from '#shared/schemas/common.ts'

export default defineEndpoint({
  summary: 'Download the file that a job left',
  description: 'For as long as it is kept, and for whoever may see what is in it. Each download is an audit '
    + 'entry.',
  permission: 'jobs:read',
  input: { parameters: IdParameter },
  output: file('text/csv'),
  async handler({ event, caller, parameters: { id } }) {
    const { name, contentType, content } = await openJobFile(services(), caller, id)
    setResponseHeaders(event, {
      'Content-Type': contentType,
      'Content-Disposition': `attachment; filename="${name}"`,
    })
    return content
  },
})
