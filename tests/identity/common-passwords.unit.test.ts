import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { PasswordChange } from '#shared/identity.ts'

const read = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../server/identity/${name}`, import.meta.url)), 'utf8')

it('the commonest passwords are the list whose origin and licence are written down, and each is one '
  + 'that could be chosen', () => {
  const text = read('common-passwords.json')
  expect(read('common-passwords.md')).toContain(createHash('sha256').update(text).digest('hex'))
  const list = JSON.parse(text) as string[]
  expect([list.length, new Set(list).size]).toEqual([10_000, 10_000])
  const { newPassword } = PasswordChange.shape
  expect(list.filter(text => !newPassword.safeParse(text).success || text !== text.toLowerCase())).toEqual([])
})
