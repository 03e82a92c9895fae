import { describe, expect, it } from 'vitest'
import {
  backgroundContext,
  currentContext,
  currentSpan,
  runInContext,
  runInSpan,
  runOutsideContext,
  withinLimit,
} from '#server/telemetry/context.ts'
import { formatComment, sqlComment } from '#server/telemetry/sql-comment.ts'
import { formatTraceparent, parseTraceparent } from '#server/telemetry/trace-parent.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

describe('a traceparent', () => {
  it('is read as the standard has it', () => {
    expect(parseTraceparent(`00-${traceId}-${spanId}-01`)).toEqual({ traceId, spanId, sampled: true })
    expect(parseTraceparent(`00-${traceId}-${spanId}-00`)).toEqual({ traceId, spanId, sampled: false })
    // Other flags may come; ours is the last bit.
    expect(parseTraceparent(`00-${traceId}-${spanId}-fe`)).toMatchObject({ sampled: false })
    expect(parseTraceparent(`00-${traceId}-${spanId}-03`)).toMatchObject({ sampled: true })
    // A later version is read as if it were this one, whatever stands behind.
    expect(parseTraceparent(`cc-${traceId}-${spanId}-01-more`)).toEqual({ traceId, spanId, sampled: true })
  })
  it('that is none is passed over', () => {
    const zeros = (n: number) => '0'.repeat(n)
    for (const text of [
      '',
      'x',
      `00-${traceId}-${spanId}`,
      `00-${traceId}-${spanId}-1`,
      `00-${traceId}-${spanId}-01-more`,
      `ff-${traceId}-${spanId}-01`,
      `00-${zeros(32)}-${spanId}-01`,
      `00-${traceId}-${zeros(16)}-01`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `00-${traceId}'-${spanId}-01`,
      ` 00-${traceId}-${spanId}-01`,
      `00-${traceId}-${spanId}-01\n`,
      `cc-${traceId}-${spanId}-01-${'x'.repeat(600)}`,
    ])
      expect(parseTraceparent(text), text).toBeNull()
    expect(parseTraceparent(undefined)).toBeNull()
    expect(parseTraceparent([`00-${traceId}-${spanId}-01`, 'another'])).toBeNull()
  })
  it('is written as it is read', () => {
    for (const sampled of [true, false])
      expect(parseTraceparent(formatTraceparent({ traceId, spanId, sampled }))).toEqual({
        traceId,
        spanId,
        sampled,
      })
  })
})

describe('a comment in SQL', () => {
  it('is sqlcommenter\'s: pairs in order, values encoded and quoted', () => {
    expect(formatComment({ traceparent: `00-${traceId}-${spanId}-01`, route: '/api/v1/vehicles/:id' })).toBe(
      `/*route='%2Fapi%2Fv1%2Fvehicles%2F%3Aid',traceparent='00-${traceId}-${spanId}-01'*/`,
    )
  })
  it('is ended by nothing that stands in it', () => {
    const signs = [
      '*/',
      '/*',
      '\'',
      '\\\'',
      '--',
      ';',
      '\n',
      '\0',
      '%',
      '$1',
      '?',
      '\ud800',
      '"',
      '*',
      '/',
      'ü',
    ]
    for (const first of signs) {
      for (const second of signs) {
        const comment = formatComment({ [`k${first}`]: `${first}${second}*${second}/` })
        expect(comment, JSON.stringify([first, second])).toMatch(/^\/\*[\w%.~!()-]+='[\w%.~!()-]*'\*\/$/)
      }
    }
  })
  it('is none where nothing is recorded', () => {
    expect(sqlComment()).toBe('')
    expect(runInContext(backgroundContext('a job', 1), sqlComment)).toBe('')
  })
  it('names the step that is under way', () => {
    const span = { spanContext: () => ({ traceId, spanId, traceFlags: 1 }) } as never
    const context = {
      ...backgroundContext('a job', 1),
      trace: { traceId, span, action: () => 'job tidy up' },
    }
    expect(runInContext(context, sqlComment)).toBe(
      `/*route='job%20tidy%20up',traceparent='00-${traceId}-${spanId}-01'*/`,
    )
  })
})

describe('the present step', () => {
  const span = {} as never
  it('ends with the context that it belongs to', () => {
    const context = backgroundContext('a job', 1)
    runInContext(context, () => {
      runInSpan(span, () => {
        expect([currentContext(), currentSpan()]).toEqual([context, span])
        runOutsideContext(() => expect([currentContext(), currentSpan()]).toEqual([undefined, null]))
        runInContext(backgroundContext('another', 1), () => expect(currentSpan()).toBeNull())
      })
      expect(currentSpan()).toBeNull()
    })
  })
  it('goes on where only the time is bounded', async () => {
    await runInContext(backgroundContext('a job', 1), () =>
      runInSpan(span, () => withinLimit(10, async () => expect(currentSpan()).toBe(span))),
    )
  })
})
