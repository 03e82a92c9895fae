/**
 * Every problem that an endpoint may answer with: the last part of its `type`, its status, and what to do
 * about it in a line. `docs/errors.md` says more of each, and a test holds it to this table.
 */
export const problems = {
  'invalid-input': { status: 400, means: 'a field is wrong: `errors` names it' },
  'unauthenticated': { status: 401, means: 'nobody is signed in, or the credentials are not valid' },
  'forbidden': {
    status: 403, means: 'the role does not allow it, or the change came from another site\'s page',
  },
  'not-found': { status: 404, means: 'it is not there, or belongs to another organisation' },
  'method-not-allowed': { status: 405, means: '`Allow` names the methods that the address takes' },
  'conflict': { status: 409, means: 'it contradicts the present state; `errors` names the field' },
  'organisation-changed': { status: 409, means: 'it was meant for another organisation than the session\'s' },
  'outdated-version': { status: 409, means: 'somebody changed it since it was read' },
  'operation-in-progress': {
    status: 409, means: 'the first request with this Idempotency-Key is still at work',
  },
  'too-large': { status: 413, means: 'the body is larger than this address takes' },
  'unsupported-media-type': { status: 415, means: 'the body is no `application/json`' },
  'idempotency-key-reused': { status: 422, means: 'the Idempotency-Key belongs to another request' },
  'too-many-requests': { status: 429, means: 'too many attempts: wait for `Retry-After`' },
  'internal': { status: 500, means: 'the fault is on the server\'s side' },
  'ask-again-later': {
    status: 503, means: 'a sensitive action while Redis is away: repeat it after `Retry-After`',
  },
  'standby-region': {
    status: 503, means: 'this region follows another one, which `detail` names: make the change there',
  },
  'unavailable': { status: 503, means: 'something is away: repeat it after `Retry-After`' },
  'unresolved': {
    status: 503, means: 'whether the change was made is not known yet: repeat it with the same key',
  },
} as const satisfies Record<string, { status: number, means: string }>
export type ProblemType = keyof typeof problems
