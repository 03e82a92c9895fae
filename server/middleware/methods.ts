import { endpoints } from '#endpoints'
import { createMethods, settleMethod } from '#server/edge/methods.ts'

const methods = createMethods(endpoints)

/**
 * Before every endpoint. What a page asks of its own API in this process is not looked at: it comes from our
 * own code.
 */
export default defineEventHandler((event) => {
  if (event.node.req.socket?.remoteAddress) settleMethod(event, methods)
})
