import { setResponseHeader, setResponseStatus, type H3Event } from 'h3'

/** 201 with the address of what was made. */
export function created<T>(event: H3Event, location: string, body: T): T {
  setResponseStatus(event, 201)
  setResponseHeader(event, 'Location', location)
  return body
}

/** 204: done, and nothing to say. */
export function noContent(event: H3Event): null {
  setResponseStatus(event, 204)
  return null
}
