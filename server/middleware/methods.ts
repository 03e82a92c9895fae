import { methodsOfPath } from '#server/edge/endpoints.ts'
import { settleMethod } from '#server/edge/methods.ts'

/**
 * Before every address that Nitro serves; the API's own way does the same (`server/edge/serve.ts`). What a
 * page asks of its own API in this process is not looked at: it comes from our own code.
 */
export default defineEventHandler((event) => {
  if (event.node.req.socket?.remoteAddress) settleMethod(event, methodsOfPath)
})
