/**
 * A built file that this version does not have, asked for by a page of another version: it is missing, and no
 * page that one could be sent to sign in for.
 */
export default defineEventHandler((event) => {
  setResponseStatus(event, 404)
  setResponseHeader(event, 'Content-Type', 'text/plain; charset=utf-8')
  setResponseHeader(event, 'Cache-Control', 'no-store')
  return 'There is no such file in this version.'
})
