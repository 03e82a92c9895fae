import { describe, expect, it } from 'vitest'
import { createSeal } from '#server/mail/seal.ts'
import { renderMail } from '#server/mail/templates.ts'
import { smtpUrlFault } from '#server/config/connection-url.ts'
import { csvLines } from '#server/fleet/exports/csv.ts'

const [first, second] = ['a'.repeat(32), 'b'.repeat(32)]

describe('a link in a stored mail', () => {
  it('is not readable without the password, and is opened after that has been rotated', () => {
    const sealed = createSeal([first]).close('/reset-password#token')
    expect(sealed).not.toContain('token')
    expect(createSeal([second, first]).open(sealed)).toBe('/reset-password#token')
    expect(createSeal([second]).open(sealed)).toBe(null)
  })
  it('that was changed or cut is not opened', () => {
    const seal = createSeal([first])
    const bytes = Buffer.from(seal.close('/reset-password#token'), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      expect(seal.open(changed.toString('base64url'))).toBe(null)
    }
    expect(seal.open(bytes.subarray(0, 20).toString('base64url'))).toBe(null)
    expect(seal.open('')).toBe(null)
  })
})

describe('a mail', () => {
  it.each(['en', 'de'] as const)('shows names as they are, and none as markup (%s)', (language) => {
    const name = `<img src=x onerror="alert('1')"> & Co`
    const { subject, text, html } = renderMail(
      'invitation', language, { organisation: name, inviter: name, expires: '2026-12-07T08:30:00.000Z' },
      'https://fleet.example.org/invitation#a&b',
    )
    expect(subject).toContain(name)
    expect(text).toContain(name)
    expect(html).not.toContain('<img')
    expect(html).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; Co')
    expect(html).toContain('href="https://fleet.example.org/invitation#a&amp;b"')
    expect(text).toContain('https://fleet.example.org/invitation#a&b')
    expect(text).toContain({ en: '7 December 2026 at 08:30 UTC', de: '7. Dezember 2026 um 08:30 UTC' }[language])
  })
})

describe('NUXT_SMTP_URL', () => {
  it.each([
    'smtp://mail.example.org', 'smtps://user:p%40ss@mail.example.org:465', 'smtp://[2001:db8::1]:25',
  ])('takes %s', url => expect(smtpUrlFault(url)).toBe(null))
  it.each([
    'http://mail.example.org', 'mail.example.org', 'smtp://user@mail.example.org', 'smtp://u:50%@mail.example.org',
    'smtp://u:p/w@mail.example.org', 'smtp://mail.example.org/path', 'smtp://',
  ])('says what would be right instead of %s, without the value', (url) => {
    expect(smtpUrlFault(url)).toMatch(/^must be smtp:\/\/user:password@host:port or smtps:\/\/…/)
  })
})

describe('CSV', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx'])('runs no formula: %j', (cell) => {
    expect(csvLines([[cell, 'b']]).replace(/^"/, '').startsWith('\'')).toBe(true)
  })
  it('keeps what spreadsheets must not take apart together', () => {
    expect(csvLines([['a,b', 'say "x"', 'two\nlines', null, 7]])).toBe('"a,b","say ""x""","two\nlines",,7\r\n')
  })
})
