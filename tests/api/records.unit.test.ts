import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { pickFields, toAnswer } from '#server/database/answer.ts'
import { line } from '#shared/schemas/common.ts'
import { wholeNumber } from '#shared/schemas/numbers.ts'
import { recordOf } from '#shared/schemas/record.ts'

const kinds = z.enum(['open', 'roofed'])
const { create, update, answer } = recordOf({
  name: line(10),
  address: line(20).nullable().default(null),
  kind: kinds.default('open'),
  places: wholeNumber(1, 50).default(1),
})
const id = '0193e3a4-5b6c-7d8e-9f00-112233445566'

describe('a thing whose fields are said once', () => {
  it('is added with what is given and its defaults, and with nothing that is not its own', () => {
    expect(create.parse({ name: ' West ' })).toEqual({ name: 'West', address: null, kind: 'open', places: 1 })
    expect(create.safeParse({ name: 'West', version: 1 }).success).toBe(false)
    expect(create.safeParse({}).success).toBe(false)
  })

  it('is changed in what is given alone: a default is nothing that somebody has asked for', () => {
    expect(update.parse({ places: 2, version: 3 })).toEqual({ places: 2, version: 3 })
    expect(update.parse({ address: null })).toEqual({ address: null })
    for (const none of [{}, { version: 1 }])
      expect(update.safeParse(none).error?.issues[0]?.message).toBe('must change at least one field')
  })

  it('is judged by the same bounds when it is changed', () => {
    for (const wrong of [{ name: 'x'.repeat(11) }, { kind: 'else' }, { places: 0 }, { places: null }, { other: 1 }])
      expect([wrong, create.safeParse({ name: 'West', ...wrong }).success, update.safeParse(wrong).success])
        .toEqual([wrong, false, false])
  })

  it('is answered with its fields, described by their kind and not by their bounds', () => {
    const { properties } = z.toJSONSchema(answer)
    expect(properties).toMatchObject({
      name: { type: 'string' }, address: { type: ['string', 'null'] },
      kind: { enum: ['open', 'roofed'] }, places: { type: 'integer', minimum: 0 },
    })
    expect(properties!.name).not.toHaveProperty('maxLength')
    expect(Object.keys(properties!).slice(-3)).toEqual(['version', 'createdAt', 'updatedAt'])
  })

  it('is answered from its row: nothing that its schema does not name, moments as text', () => {
    const at = new Date('2026-11-30T12:00:00Z')
    const row = { id, organisationId: id, name: 'West', address: null, kind: 'open' as const, places: 3, version: 2,
      createdAt: at, updatedAt: at }
    const shown = toAnswer(answer, row)
    expect(shown).toEqual({ id, name: 'West', address: null, kind: 'open', places: 3, version: 2,
      createdAt: '2026-11-30T12:00:00.000Z', updatedAt: '2026-11-30T12:00:00.000Z' })
    expect(answer.parse(shown)).toEqual(shown)
    expect(pickFields(create, row)).toEqual({ name: 'West', address: null, kind: 'open', places: 3 })
  })
})
