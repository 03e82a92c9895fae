import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface ReceivedMail {
  from: string
  to: string[]
  /** As it came, with its headers. */
  raw: string
  messageId: string
  subject: string
  /** The plain part, decoded. */
  text: string
  html: string
}

export interface TestSmtp {
  url: string
  received: ReceivedMail[]
  /** What the next mails are answered with; null: they are taken. */
  refuseWith(code: number | null): void
  /** Takes the next mail and breaks the connection instead of saying so. */
  loseNextAnswer(): void
  stop(): Promise<void>
}

/** A real SMTP server that asks for a user and a password, without TLS. */
export async function startSmtp(): Promise<TestSmtp> {
  const received: ReceivedMail[] = []
  let refusal: number | null = null
  let losesNext = false
  const server = new SMTPServer({
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    authMethods: ['PLAIN', 'LOGIN'],
    onAuth({ username, password }, _session, done) {
      if (username === 'fleet2' && password === 'secret') done(null, { user: username })
      else done(new Error('Invalid user or password'))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        if (refusal !== null) return done(Object.assign(new Error('Refused'), { responseCode: refusal }))
        const { mailFrom, rcptTo } = session.envelope
        received.push(readMail(Buffer.concat(chunks).toString('utf8'), {
          from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address),
        }))
        if (!losesNext) return done()
        losesNext = false
        for (const connection of server.connections) connection._socket?.destroy()
      })
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://fleet2:secret@127.0.0.1:${port}`,
    received,
    refuseWith(code) {
      refusal = code
    },
    loseNextAnswer() {
      losesNext = true
    },
    stop: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function readMail(raw: string, envelope: { from: string, to: string[] }): ReceivedMail {
  const [head = '', ...rest] = raw.split('\r\n\r\n')
  const header = (name: string, of = head) => {
    const unfolded = of.replace(/\r\n[ \t]+/g, ' ')
    return new RegExp(`^${name}: (.*)$`, 'im').exec(unfolded)?.[1] ?? ''
  }
  const boundary = /boundary="([^"]+)"/.exec(header('Content-Type'))?.[1] ?? ''
  const parts = rest.join('\r\n\r\n').split(`--${boundary}`).map((part) => {
    const [partHead = '', ...body] = part.split('\r\n\r\n')
    return {
      type: header('Content-Type', partHead.trim()),
      body: decoded(header('Content-Transfer-Encoding', partHead.trim()), body.join('\r\n\r\n')),
    }
  })
  const bodyOf = (type: string) => parts.find(part => part.type.startsWith(type))?.body ?? ''
  return {
    ...envelope, raw,
    messageId: header('Message-ID'),
    subject: decodedHeader(header('Subject')),
    text: bodyOf('text/plain'),
    html: bodyOf('text/html'),
  }
}

function decoded(encoding: string, body: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  return encoding === 'quoted-printable' ? quotedPrintable(body.replace(/=\r\n/g, '')) : body
}

function quotedPrintable(text: string): string {
  return Buffer.from(text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => (
    String.fromCharCode(Number.parseInt(hex, 16))
  )), 'latin1').toString('utf8')
}

/** RFC 2047: `=?UTF-8?Q?…?=`. */
function decodedHeader(text: string): string {
  return text.replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?UTF-8\?([QB])\?(.*?)\?=/gi, (_, kind: string, body: string) => (
      kind.toUpperCase() === 'B'
        ? Buffer.from(body, 'base64').toString('utf8')
        : quotedPrintable(body.replaceAll('_', ' '))
    ))
}
