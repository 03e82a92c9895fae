/**
 * Ways to break a promise on purpose, so that the tests that hold it can be seen to fail. Never set outside
 * of tests: the configuration takes them only with words that nobody writes by accident
 * (`FLEET2_TEST_BREAK`).
 * - `ignore-tokens`: a replica answers without being asked how far it is (promises 1 and 3).
 * - `no-records`: writes store no idempotency record (promise 5).
 * - `async-ack`: COMMIT does not wait for the synchronous standby (promise 4).
 * - `no-epoch-check`: connections of a former primary go on being used, and its answers are believed (promise
 *   7).
 * - `retry-blindly`: a write whose outcome is unknown is run again as a new one (promises 5 and 9).
 * - `no-retry`: the first error is the caller's (promises 2 and 6).
 * - `slow-is-silent`: the first answer of a transaction is that of its first statement, so that a slow one is
 *   taken for a server that is away (promise 8).
 * - `busy-is-illness`: a full pool and a caller who has left count as a server that does not answer (promise
 *   8).
 * - `open-transactions-block`: the primary shows what was seen on a replica only once every transaction
 *   before it is over, whoever's it is (promise 3).
 * - `commits-pile-up`: writes go ahead however many commits wait for their standby (promise 6).
 * - `deny-unknown`: an outcome that is not known is told as "nothing was changed" (promise 5).
 * - `one-pooler`: a pooler that stands still is not left for the other one (promise 8).
 * - `ioredis-defaults`: the Redis client as its library sets it up, without time-outs and without our own
 *   watch over the Sentinels.
 */
export const breaks = [
  'ignore-tokens',
  'no-records',
  'async-ack',
  'no-epoch-check',
  'retry-blindly',
  'no-retry',
  'slow-is-silent',
  'busy-is-illness',
  'open-transactions-block',
  'commits-pile-up',
  'deny-unknown',
  'one-pooler',
  'ioredis-defaults',
] as const
export type Break = (typeof breaks)[number]
export type Breaks = ReadonlySet<Break>
export const noBreaks: Breaks = new Set()
