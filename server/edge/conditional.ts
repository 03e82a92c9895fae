import { createHash } from 'node:crypto'
import { getRequestHeader, setResponseHeader, setResponseStatus, type H3Event } from 'h3'

/**
 * The body with an `ETag`, by which who has it already says so: asked with the same `If-None-Match` there is
 * no body, and the answer is 304. Made of what the body says and of nothing else, so that it holds at every
 * instance, and changes with whatever is changed. For large answers that are asked for again and again.
 *
 * It is weak: how the body is compressed makes no difference to it. Nobody on the way may keep the answer all
 * the same (`finishAnswer`): the client holds it and the tag in its own memory.
 */
export function unlessKnown<Body extends object>(event: H3Event, body: Body): Body {
  const tag = `W/"${createHash('sha1').update(JSON.stringify(body)).digest('base64url')}"`
  setResponseHeader(event, 'ETag', tag)
  const known = getRequestHeader(event, 'if-none-match')?.split(',').map(part => part.trim()) ?? []
  if (!known.includes(tag) && !known.includes(tag.slice(2))) return body
  setResponseStatus(event, 304)
  // No body: what h3 makes of null.
  return null as never
}
