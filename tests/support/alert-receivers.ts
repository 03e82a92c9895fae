import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** An event of PagerDuty's Events API v2. */
export interface PagerDutyEvent {
  routing_key: string
  event_action: 'trigger' | 'acknowledge' | 'resolve'
  dedup_key: string
  payload?: {
    summary: string
    source: string
    severity: string
    component?: string
    class?: string
    custom_details?: Record<string, string>
  }
}
/** What Slack's incoming webhook is given. */
export interface SlackMessage {
  channel: string
  attachments: { title: string, text: string, color: string, title_link: string }[]
}
export interface Mail { from: string, to: string[], user: string, text: string }

/** With the moment at which it came, in milliseconds since 1970. */
export type Received<Message> = Message & { receivedAt: number }

export interface Receivers {
  pagerduty: Received<PagerDutyEvent>[]
  slack: Received<SlackMessage>[]
  mails: Received<Mail>[]
  /** Times that the dead man's switch was told that all is well. */
  heartbeats: () => number
  /** When each of them was, in milliseconds since 1970. */
  heartbeatTimes: number[]
  /** Where each of them listens. */
  urls: { pagerduty: string, slack: string, deadMansSwitch: string, smtp: string }
  close(): Promise<void>
}

/**
 * What Alertmanager delivers to, as the real ones would take it: they refuse what PagerDuty, Slack and a mail
 * server refuse.
 */
export async function startReceivers(host = '127.0.0.1'): Promise<Receivers> {
  const pagerduty: Received<PagerDutyEvent>[] = []
  const slack: Received<SlackMessage>[] = []
  const mails: Received<Mail>[] = []
  const heartbeatTimes: number[] = []
  const received = <Message extends object>(message: Message) => ({ ...message, receivedAt: Date.now() })

  const http = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as never
    const answer = (status: number, text: string) =>
      void response.writeHead(status, { connection: 'close' }).end(text)
    if (request.url === '/v2/enqueue') {
      const reason = refusedByPagerDuty(body)
      if (reason) return answer(400, JSON.stringify({ status: 'invalid event', errors: [reason] }))
      pagerduty.push(received<PagerDutyEvent>(body))
      return answer(202, JSON.stringify({ status: 'success', dedup_key: (body as PagerDutyEvent).dedup_key }))
    }
    if (request.url === '/slack') {
      if (!(body as SlackMessage).attachments?.length) return answer(400, 'no_text')
      slack.push(received<SlackMessage>(body))
      return answer(200, 'ok')
    }
    if (request.url === '/heartbeat') heartbeatTimes.push(Date.now())
    return answer(200, '')
  })
  const smtp = createServer(socket => speakSmtp(socket, mail => mails.push(received(mail))))
  const [httpPort, smtpPort] = await Promise.all([listen(http, host), listen(smtp, host)])

  return {
    pagerduty, slack, mails, heartbeatTimes,
    heartbeats: () => heartbeatTimes.length,
    urls: {
      pagerduty: `http://${host}:${httpPort}/v2/enqueue`, slack: `http://${host}:${httpPort}/slack`,
      deadMansSwitch: `http://${host}:${httpPort}/heartbeat`, smtp: `${host}:${smtpPort}`,
    },
    async close() {
      http.closeAllConnections()
      await Promise.all([http, smtp].map(server => new Promise(resolve => server.close(resolve))))
    },
  }
}

/**
 * The rules of https://developer.pagerduty.com/docs/events-api-v2/trigger-events/ that an alert could break.
 */
function refusedByPagerDuty({
  routing_key: key,
  event_action: action,
  dedup_key: dedup,
  payload,
}: PagerDutyEvent): string | null {
  if (!key) return 'routing_key is required'
  if (!['trigger', 'acknowledge', 'resolve'].includes(action)) return 'event_action is invalid'
  if (action !== 'trigger') return dedup ? null : 'dedup_key is required'
  if (!payload?.summary || payload.summary.length > 1024)
    return 'payload.summary is required, up to 1,024 characters'
  if (!payload.source) return 'payload.source is required'
  return ['critical', 'warning', 'error', 'info'].includes(payload.severity)
    ? null
    : 'payload.severity is invalid'
}

async function listen(server: Server | ReturnType<typeof createHttpServer>, host: string): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}

/** As much of RFC 5321 and 4954 as a client needs that signs in and sends. */
function speakSmtp(socket: Socket, deliver: (mail: Mail) => void) {
  let mail: Mail = { from: '', to: [], user: '', text: '' }
  let inData = false
  let rest = ''
  const say = (line: string) => socket.write(`${line}\r\n`)
  const command = (line: string) => {
    const [verb = ''] = line.toUpperCase().split(' ')
    if (verb === 'EHLO') return say('250-receiver\r\n250 AUTH PLAIN')
    if (verb === 'AUTH') {
      const [, user = '', password = ''] = Buffer.from(line.split(' ')[2] ?? '', 'base64')
        .toString()
        .split('\0')
      mail.user = user
      return say(password ? '235 signed in' : '535 no password')
    }
    if (verb === 'MAIL') mail.from = /<(.*)>/.exec(line)?.[1] ?? ''
    if (verb === 'RCPT') mail.to.push(/<(.*)>/.exec(line)?.[1] ?? '')
    if (verb === 'DATA') {
      inData = true
      return say('354 go on')
    }
    if (verb === 'QUIT') return socket.end('221 good-bye\r\n')
    return say('250 fine')
  }
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    rest += String(chunk)
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
      const line = rest.slice(0, end)
      rest = rest.slice(end + 2)
      if (!inData) command(line)
      else if (line === '.') {
        inData = false
        deliver(mail)
        mail = { from: '', to: [], user: mail.user, text: '' }
        say('250 taken')
      }
      else mail.text += `${line}\n`
    }
  })
  say('220 receiver')
}
