import {
  defineEventHandler, setResponseHeader, setResponseStatus, type EventHandler, type H3Event,
} from 'h3'
import type { z } from 'zod'
import type { ProblemType } from '#shared/problems.ts'
import type { Permission } from '#shared/roles.ts'
import { parameters, query, readInput } from './input.ts'
import { requireOperator } from './operator.ts'
import {
  asMember, optionalUser, refuseUnconfirmed, requireUser, type Caller, type CallingMember,
} from './principal.ts'

/**
 * Who may ask, and so who `caller` is. Beside the permissions of a member of the session's organisation:
 * - `public`: anybody; nobody looks who it is, so that it works with every back end away;
 * - `anyone`: anybody; a session that comes with it is looked up;
 * - `newcomer`: the same for whoever is about to begin a new session: one that cannot be looked up is none;
 * - `signed-in`: whoever has a session, in an organisation or in none;
 * - `operator`: whom the configuration names. For everybody else the address is not there.
 */
interface Callers extends Record<Permission, CallingMember> {
  'public': null
  'anyone': Caller | null
  'newcomer': Caller | null
  'signed-in': Caller
  'operator': Caller
}
export type Access = keyof Callers

/** What may be answered instead of 200 with a body. */
export interface Answer<Schema extends z.ZodType | null = z.ZodType | null> {
  status: 200 | 201 | 204
  schema: Schema
  /** A file: its content type. The handler sets its name and gives back its bytes. */
  media?: string
  /** The address of what was made. */
  location?(body: Schema extends z.ZodType ? z.output<Schema> : never): string
}

/** 201 with what was made, and its address. */
export function created<Schema extends z.ZodType>(
  schema: Schema, location: (body: z.output<Schema>) => string,
): Answer<Schema> {
  return { status: 201, schema, location }
}

/** 204: done, and nothing to say. */
export const nothing: Answer<null> = { status: 204, schema: null }

/** 200 with a file of this content type, whatever is in it. */
export function file(media: string): Answer<null> {
  return { status: 200, schema: null, media }
}

type Output = z.ZodType | Answer<z.ZodType> | Answer<null>
/** What the handler gives back. Where there is nothing to say, whatever the domain does is not looked at. */
type Body<Out extends Output>
  = Out extends z.ZodType ? z.output<Out>
    : Out extends Answer<infer Schema extends z.ZodType> ? z.output<Schema> : unknown
type Schema = z.ZodObject | undefined
type Read<Given extends Schema> = Given extends z.ZodType ? z.output<Given> : undefined

interface Given<As extends Access, Parameters extends Schema, Query extends Schema, Input extends Schema> {
  event: H3Event
  caller: Callers[As]
  parameters: Read<Parameters>
  query: Read<Query>
  body: Read<Input>
}

/** What an endpoint says of itself, for its document, its client and its tests. */
export interface EndpointDefinition {
  summary: string
  description: string | null
  permission: Access
  confirmed: boolean
  conditional: boolean
  input: { parameters: z.ZodObject | null, query: z.ZodObject | null, body: z.ZodObject | null }
  output: { status: 200 | 201 | 204, schema: z.ZodType | null, media: string | null }
  errors: readonly ProblemType[]
}
export type Endpoint = EventHandler & { definition: EndpointDefinition }

/**
 * The one way to make an endpoint of the API. It is served in this order: who asks and may they, does Redis
 * confirm the session where that is asked for, the parameters of the address, its query, the body, one call
 * into the domain (`handler`), the answer. What is wrong is answered as a problem, with every failing field
 * named.
 *
 * The same description makes the document at `/api/openapi.json`, the typed client and the tests that ask the
 * endpoint as everybody and with every kind of bad input. `output` is not looked at where people are served:
 * the tests hold each answer to it.
 *
 * @param definition `summary`: a line, as an order. `confirmed`: for sensitive actions, see
 * `refuseUnconfirmed`. `conditional`: the handler answers by `unlessKnown`. `errors`: the problems that the
 * domain adds to those that follow from the rest (`problemsOf`).
 */
export function defineEndpoint<
  const As extends Access, Out extends Output,
  Parameters extends Schema = undefined, Query extends Schema = undefined, Input extends Schema = undefined,
>(definition: {
  summary: string
  description?: string
  permission: As
  confirmed?: As extends 'public' | 'anyone' | 'newcomer' ? never : true
  conditional?: true
  input?: { parameters?: Parameters, query?: Query, body?: Input }
  output: Out
  errors?: readonly ProblemType[]
  handler(given: Given<As, Parameters, Query, Input>): Body<Out> | Promise<Body<Out>>
}): Endpoint {
  const { permission, confirmed = false, input = {}, handler } = definition
  const admit = gateOf(permission) as Gate<Callers[As]>
  const { status, schema, media, location } = answerOf(definition.output)
  const serve = (event: H3Event): Promise<unknown> => admit(event, async (caller) => {
    if (confirmed) refuseUnconfirmed(caller as Caller)
    const body = await handler({
      event,
      caller,
      parameters: (input.parameters && parameters(event, input.parameters)) as Read<Parameters>,
      query: (input.query && query(event, input.query)) as Read<Query>,
      body: (input.body && await readInput(event, input.body)) as Read<Input>,
    })
    if (status !== 200) setResponseStatus(event, status)
    if (location) setResponseHeader(event, 'Location', location(body))
    return schema || media ? body : null
  })
  return Object.assign(defineEventHandler(serve), {
    definition: {
      summary: definition.summary,
      description: definition.description ?? null,
      permission,
      confirmed,
      conditional: definition.conditional ?? false,
      input: { parameters: input.parameters ?? null, query: input.query ?? null, body: input.body ?? null },
      output: { status, schema, media: media ?? null },
      errors: definition.errors ?? [],
    },
  })
}

function answerOf(output: Output): Pick<Answer, 'status' | 'schema' | 'media'> & { location?(body: unknown): string } {
  return 'status' in output ? output : { status: 200, schema: output }
}

/** Serves the request for whoever is found to be asking. */
type Gate<Asking> = (event: H3Event, serve: (caller: Asking) => Promise<unknown>) => Promise<unknown>

function gateOf(permission: Access): Gate<Caller | CallingMember | null> {
  switch (permission) {
    case 'public': return (_, serve) => serve(null)
    case 'anyone': return async (event, serve) => serve(await optionalUser(event))
    case 'newcomer': return async (event, serve) => serve(await optionalUser(event, { tolerant: true }))
    case 'signed-in': return async (event, serve) => serve(await requireUser(event))
    case 'operator': return async (event, serve) => serve(await requireOperator(event))
    default: return (event, serve) => asMember(event, permission, serve)
  }
}

/**
 * All problems that an endpoint may answer with: those that follow from its description, and those of its
 * domain.
 */
export function problemsOf(method: string, definition: EndpointDefinition): ProblemType[] {
  const { permission, confirmed, input, errors } = definition
  const isChange = method !== 'GET'
  const looksForSession = permission !== 'public'
  const needsSession = looksForSession && permission !== 'anyone' && permission !== 'newcomer'
  const isOfMember = needsSession && permission !== 'signed-in' && permission !== 'operator'
  const found: (ProblemType | false)[] = [
    'invalid-input', 'internal', 'unavailable',
    needsSession && 'unauthenticated',
    (isOfMember || (isChange && looksForSession)) && 'forbidden',
    (input.parameters !== null || permission === 'operator') && 'not-found',
    isOfMember && 'organisation-changed',
    isChange && 'operation-in-progress',
    isChange && 'idempotency-key-reused',
    isChange && 'unresolved',
    isChange && 'standby-region',
    isChange && 'too-large',
    input.body !== null && 'unsupported-media-type',
    confirmed && 'ask-again-later',
  ]
  return [...new Set([...found.filter(problem => problem !== false), ...errors])]
}
