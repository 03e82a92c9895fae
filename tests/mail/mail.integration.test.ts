import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient, signUp, type SignedUp } from '../support/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { startSmtp, type ReceivedMail, type TestSmtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let smtp: TestSmtp
let server: TestServer
const publicUrl = 'https://fleet.example.org'

beforeAll(async () => {
  [database, smtp] = await Promise.all([createTestDatabase(), startSmtp()])
  server = await startServer({ env: {
    NUXT_DATABASE_URL: database.servingUrl, NUXT_SMTP_URL: smtp.url, NUXT_PUBLIC_URL: publicUrl,
    NUXT_MAIL_FROM: 'Fleet2 <no-reply@example.org>',
  } })
})
afterAll(async () => {
  await server.stop()
  await smtp.stop()
  await database.drop()
})

interface JobRow { state: string, attempts: number, reason: string | null }

const mailTo = async (address: string, count = 1): Promise<ReceivedMail> => {
  const found = () => smtp.received.filter(({ to }) => to.includes(address))
  await until(() => found().length >= count, `mail to ${address}`)
  return found().at(-1)!
}
const linkIn = (text: string) => /https:\/\/\S+/.exec(text)![0]
const makeDue = () => database.asOwner('UPDATE jobs SET run_at = now() WHERE state = \'queued\'')
const jobOf = async (address: string) => (await database.asOwner<JobRow>('SELECT j.* FROM jobs j JOIN mails m ON m.job_id = j.id WHERE m.recipient = $1', [address]))[0]!

async function invite(owner: SignedUp, email: string, language?: string) {
  return (await owner.send<{ path: string, mailed: boolean }>('POST', '/api/v1/invitations', {
    email, role: 'viewer', ...language ? { language } : {},
  })).body
}

describe('an invitation', () => {
  it('is mailed once, in plain text and as HTML in which no name is markup, and its link works', async () => {
    const owner = await signUp(server.url, 'Smith & <b>Sons</b>')
    const { path, mailed } = await invite(owner, 'invited@example.org')
    expect(mailed).toBe(true)
    const mail = await mailTo('invited@example.org')
    expect(mail).toMatchObject({ from: 'no-reply@example.org', subject: 'Join Smith & <b>Sons</b> on Fleet2' })
    expect(mail.messageId).toMatch(/^<[\da-f-]{36}@fleet\.example\.org>$/)
    expect(mail.raw).toContain('Auto-Submitted: auto-generated')
    expect(mail.text).toContain('Test User has invited you to Smith & <b>Sons</b> on Fleet2.')
    expect(mail.html).toContain('Smith &amp; &lt;b&gt;Sons&lt;/b&gt;')
    expect(mail.html).not.toContain('<b>')
    expect(linkIn(mail.text)).toBe(publicUrl + path)
    const token = linkIn(mail.text).split('#')[1]
    const looked = await createClient(server.url).send('POST', '/api/v1/invitation-lookups', { token })
    expect(looked.body).toMatchObject({ email: 'invited@example.org' })
    await until(async () => (await jobOf('invited@example.org')).state === 'done')
    expect(smtp.received.filter(({ to }) => to.includes('invited@example.org'))).toHaveLength(1)
    // What opens the door is not kept.
    expect(await database.asOwner('SELECT 1 FROM mails WHERE sealed_path IS NOT NULL AND sent_at IS NOT NULL'))
      .toEqual([])
    const { body } = await owner.send<{ items: { id: string, state: string }[] }>('GET', '/api/v1/mails')
    expect(body.items).toMatchObject([{ recipient: 'invited@example.org', state: 'sent' }])
    expect((await owner.send('GET', `/api/v1/mails/${body.items[0]!.id}`)).body.text).toBe(null)
  })

  it('is written in German where that is asked for', async () => {
    const owner = await signUp(server.url, 'Müller GmbH')
    await invite(owner, 'eingeladen@example.org', 'de')
    const mail = await mailTo('eingeladen@example.org')
    expect(mail.subject).toBe('Einladung zu Müller GmbH in Fleet2')
    expect(mail.text).toContain('Test User hat Sie in Fleet2 zu Müller GmbH eingeladen.')
    expect(mail.html).toContain('<html lang="de">')
  })

  it('of an organisation that refuses it leaves no mail behind', async () => {
    const owner = await signUp(server.url)
    const { status } = await owner.send('POST', '/api/v1/invitations', { email: owner.email, role: 'viewer' })
    expect(status).toBe(409)
    expect(await database.asOwner('SELECT 1 FROM mails WHERE recipient = $1', [owner.email])).toEqual([])
  })
})

describe('a mail server', () => {
  it('that is busy is asked again later, and the reason shows meanwhile', async () => {
    const owner = await signUp(server.url)
    smtp.refuseWith(451)
    await invite(owner, 'later@example.org')
    await until(async () => (await jobOf('later@example.org')).reason !== null)
    smtp.refuseWith(null)
    const { body } = await owner.send<{ items: object[] }>('GET', '/api/v1/mails')
    expect(body.items).toMatchObject([
      { state: 'waiting', reason: 'The mail server does not take mail right now.' },
    ])
    await makeDue()
    await mailTo('later@example.org')
  })

  it('that refuses a mail for good is not asked again: an owner sees why, and can retry it', async () => {
    const owner = await signUp(server.url)
    smtp.refuseWith(550)
    await invite(owner, 'refused@example.org')
    await until(async () => (await jobOf('refused@example.org')).state === 'failed')
    smtp.refuseWith(null)
    const { body } = await owner.send<{ items: object[] }>('GET', '/api/v1/mails')
    expect(body.items).toMatchObject([{ state: 'failed', reason: 'The mail server refused it (code 550).' }])
    const jobs = await owner.send<{ items: { id: string }[] }>('GET', '/api/v1/jobs?state=failed')
    const retried = await owner.send('POST', `/api/v1/jobs/${jobs.body.items[0]!.id}/retry`)
    expect(retried.status).toBe(200)
    await mailTo('refused@example.org')
  })

  it('whose answer is lost gets the mail again with the same message id: it is one mail', async () => {
    const owner = await signUp(server.url)
    smtp.loseNextAnswer()
    await invite(owner, 'twice@example.org')
    await until(async () => (await jobOf('twice@example.org')).reason !== null)
    await makeDue()
    await mailTo('twice@example.org', 2)
    const ids = smtp.received.filter(({ to }) => to.includes('twice@example.org')).map(mail => mail.messageId)
    expect(new Set(ids).size).toBe(1)
  })
})

describe('a forgotten password', () => {
  const ask = (email: string) => (
    createClient(server.url).send('POST', '/api/v1/password-resets', { email })
  )
  const use = (token: string, password: string, headers: Record<string, string> = {}) => (
    createClient(server.url).send('POST', '/api/v1/password-reset-completions', { token, password }, { headers })
  )
  const newPassword = 'seven green lorries in fog'

  it('is set anew by a link, once; every session ends, and the log says so', async () => {
    const user = await signUp(server.url)
    expect((await ask(user.email.toUpperCase())).status).toBe(204)
    const mail = await mailTo(user.email)
    expect(mail.subject).toBe('Reset your Fleet2 password')
    const token = linkIn(mail.text).split('/reset-password#')[1]!
    expect(JSON.stringify(await database.asOwner('SELECT * FROM password_resets'))).not.toContain(token)
    expect(server.output()).not.toContain(token)
    expect(await use(token, 'short')).toMatchObject({ status: 400 })
    expect(await use(token, `${user.email} `.repeat(2).trim())).toMatchObject({ status: 400 })
    // Sent again because its answer was lost, it is answered the same.
    const headers = { 'idempotency-key': 'one-intent' }
    expect([(await use(token, newPassword, headers)).status, (await use(token, newPassword, headers)).status])
      .toEqual([204, 204])
    expect((await use(token, 'another long password here')).status).toBe(404)
    expect((await user.send('GET', '/api/v1/session')).status).toBe(401)
    const signIn = (password: string) => (
      createClient(server.url).send('POST', '/api/v1/session', { email: user.email, password })
    )
    expect([(await signIn(user.password)).status, (await signIn(newPassword)).status]).toEqual([401, 201])
    const back = createClient(server.url)
    await back.send('POST', '/api/v1/session', { email: user.email, password: newPassword })
    const { body: own } = await back.send<{ items: { action: string }[] }>('GET', '/api/v1/account-events')
    const { body: log } = await back.send<{ items: { action: string }[] }>(
      'GET', '/api/v1/audit-entries?action=account')
    for (const { items } of [own, log]) {
      expect(items.map(({ action }) => action)).toEqual(expect.arrayContaining([
        'account.password-reset-requested', 'account.password-reset',
      ]))
    }
  })

  it('of nobody is answered in the same way, and nothing is sent', async () => {
    const user = await signUp(server.url)
    const [known, unknown] = [await ask(user.email), await ask('nobody@example.org')]
    expect([unknown.status, unknown.body]).toEqual([known.status, known.body])
    await mailTo(user.email)
    await until(async () => (
      await database.asOwner('SELECT 1 FROM jobs WHERE kind = \'password-reset\' AND state <> \'done\'')
    ).length === 0)
    expect(smtp.received.some(({ to }) => to.includes('nobody@example.org'))).toBe(false)
  })

  it('gets three links an hour, and the last one used ends the others; one that has expired is no more valid', async () => {
    const user = await signUp(server.url)
    for (let n = 1; n <= 4; n++) {
      await ask(user.email)
      if (n <= 3) await mailTo(user.email, n)
    }
    await until(async () => (
      await database.asOwner('SELECT 1 FROM jobs WHERE kind = \'password-reset\' AND state <> \'done\'')
    ).length === 0)
    const mails = smtp.received.filter(({ to }) => to.includes(user.email))
    expect(mails).toHaveLength(3)
    const tokens = mails.map(({ text }) => linkIn(text).split('#')[1]!)
    await database.asOwner(
      'UPDATE password_resets SET expires_at = now() WHERE token_hash = encode(sha256($1::bytea), \'hex\')',
      [Buffer.from(tokens[0]!)])
    expect((await use(tokens[0]!, newPassword)).status).toBe(404)
    expect((await use(tokens[1]!, newPassword)).status).toBe(204)
    expect((await use(tokens[2]!, newPassword)).status).toBe(404)
  })

  it('asked for over and over from one network is throttled, whatever the address', async () => {
    const client = createClient(server.url)
    let last = 0
    for (let n = 0; n < 21; n++)
      last = (await client.send('POST', '/api/v1/password-resets', { email: `n${n}@example.org` })).status
    expect(last).toBe(429)
  })
})

describe('without a mail server', () => {
  it('an owner is shown the mail, which is logged without its link and read with an audit entry', async () => {
    const silent = await startServer({ env: { NUXT_DATABASE_URL: database.servingUrl } })
    try {
      const owner = await signUp(silent.url)
      const { path, mailed } = (await owner.send<{ path: string, mailed: boolean }>(
        'POST', '/api/v1/invitations', { email: 'shown@example.org', role: 'manager' })).body
      expect(mailed).toBe(false)
      const { body } = await owner.send<{ items: { id: string, state: string }[] }>('GET', '/api/v1/mails')
      expect(body.items).toMatchObject([{ recipient: 'shown@example.org', state: 'shown' }])
      const { body: mail } = await owner.send<{ text: string }>('GET', `/api/v1/mails/${body.items[0]!.id}`)
      expect(mail.text).toContain(path)
      const { body: log } = await owner.send<{ items: object[] }>('GET', '/api/v1/audit-entries?action=mail')
      expect(log.items).toMatchObject([{ action: 'mail.read', subject: { label: 'shown@example.org' } }])
      expect(silent.output()).toContain('No mail server is configured')
      expect(silent.output()).not.toContain(path.split('#')[1])
      // A manager may invite, and may not read what opens other people's accounts.
      const manager = createClient(silent.url)
      await manager.send('POST', '/api/v1/invitation-acceptances', {
        token: path.split('#')[1], name: 'Manager', password: 'a long enough password',
      })
      expect((await manager.send('GET', `/api/v1/mails/${body.items[0]!.id}`)).status).toBe(403)
    }
    finally {
      await silent.stop()
    }
  })
})
