import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { BlockList, connect } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeviceMessage } from '#server/fleet/ingest/message.ts'
import { openGateway, type Gateway } from '#server/gateway/gateway.ts'
import { parseTrackerPorts, renderTrackers } from '../../deploy/nginx/checker/upstream.ts'
import { freePort } from '../support/ports.ts'
import { connectTracker, teltonikaDatagram, teltonikaLogin, teltonikaPacket } from '../support/tracker.ts'
import { until } from '../support/until.ts'
import { startBalancer, startInstance, type Balancer, type TinyInstance } from './support/balancer.ts'
import { merged } from './support/compose.ts'

const hosts = ['127.0.0.11', '127.0.0.12'] as const
const imei = '356307042441013'
const record = { time: Date.now(), latitude: 52.5, longitude: 13.4 }

let port: number
let instances: TinyInstance[]
let gateways: Gateway[]
let nginx: Balancer
/** Records by the host that took them. */
const taken: Record<string, DeviceMessage[]> = {}

async function openAt(host: string): Promise<Gateway> {
  const trustedProxies = new BlockList()
  trustedProxies.addAddress('127.0.0.1')
  taken[host] = []
  return openGateway({
    host, ports: { teltonika: port, gt06: null, h02: null }, trustedProxies,
    maxConnections: 100, maxConnectionsPerAddress: 1,
    log: pino({ level: 'silent' }), metrics: { records() {}, fault() {}, ended() {}, refused() {} },
    ingest: {
      acceptAll(messages) {
        taken[host]!.push(...messages.filter(({ place }) => place !== null))
        return Promise.resolve(messages.map(() => 'stored'))
      },
    },
  })
}

beforeAll(async () => {
  port = await freePort()
  instances = await Promise.all(hosts.map(host => startInstance(host, host)))
  gateways = await Promise.all(hosts.map(openAt))
  nginx = await startBalancer(instances, { env: { TRACKER_PORTS: `teltonika=${port}` } })
})
afterAll(async () => {
  await nginx?.stop()
  await Promise.all(gateways.map(gateway => gateway.close()))
  await Promise.all(instances.map(instance => instance.kill()))
})

/** Logs in from an address and sends one record. Null: it was not let in. */
async function send(localAddress: string): Promise<{ end(): void } | null> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  let heard = Buffer.alloc(0)
  let ended = false
  socket.on('data', data => heard = Buffer.concat([heard, data])).on('error', () => {}).on('close', () => ended = true)
  await once(socket, 'connect')
  socket.write(Buffer.concat([teltonikaLogin(imei), teltonikaPacket([record])]))
  await until(() => ended || heard.length >= 5, 'an answer')
  if (heard.length < 5) return null
  expect(heard.toString('hex')).toBe('0100000001')
  return { end: () => void socket.destroy() }
}

describe('trackers through Nginx', () => {
  it('reach an instance over TCP and UDP, which knows their own addresses', async () => {
    const [one, two] = [await send('127.0.0.2'), await send('127.0.0.3')]
    expect([one, two]).not.toContain(null)
    // The bound is one connection an address.
    expect(await send('127.0.0.2')).toBeNull()
    one!.end()
    two!.end()
    const socket = createSocket('udp4')
    const answers: Buffer[] = []
    socket.on('message', answer => answers.push(answer))
    socket.send(teltonikaDatagram(imei, 0xCAFE, [record]), port, '127.0.0.1')
    await until(() => answers.length > 0, 'the acknowledgement')
    expect(answers[0]!.toString('hex')).toBe('0005cafe010501')
    socket.close()
  })
  it('go on to the next instance at once when one refuses them', async () => {
    await gateways[0]!.close()
    const before = taken[hosts[1]]!.length
    const one = await send('127.0.0.4')
    expect(taken[hosts[1]]!.length).toBe(before + 1)
    one!.end()
    gateways[0] = await openAt(hosts[0])
    await nginx.restart()
  })
  it('are not led to an instance that says it is not well', async () => {
    nginx.startChecker()
    instances[0]!.health(503)
    await until(async () => {
      const before = taken[hosts[1]]!.length
      const one = await send('127.0.0.5').catch(() => null)
      one?.end()
      return taken[hosts[1]]!.length > before
    }, 'the checker to take it out')
    instances[0]!.health(200)
  })
  it('are told by an instance that ends, and lose nothing that is under way', async () => {
    await nginx.restart()
    const tracker = await connectTracker(port)
    tracker.send(teltonikaLogin(imei))
    await tracker.hear(1)
    const before = taken[hosts[0]]!.length
    const closed = gateways[0]!.close()
    await until(tracker.ended, 'it to be told')
    tracker.send(teltonikaPacket([record]))
    await until(() => taken[hosts[0]]!.length > before, 'what was under way')
    tracker.end()
    await closed
  })
})

describe('the list of ports', () => {
  it('says what is wrong with it', () => {
    expect(() => parseTrackerPorts('teltonika=5027,gt07=1')).toThrow('"gt07=1" is not protocol=port; the protocols are')
    expect(() => parseTrackerPorts('teltonika=70000')).toThrow('"teltonika=70000"')
    expect(() => parseTrackerPorts('teltonika=5027,h02=5027')).toThrow('the port 5027 is there twice')
    expect(renderTrackers([], [])).not.toContain('stream')
  })
  it('is the same at Nginx and at the instances, and open on the host alone unless told otherwise', () => {
    const { services } = merged(
      'docker-compose.yml', 'deploy/ha/docker-compose.ha.yml', 'deploy/ha/docker-compose.trackers.yml')
    for (const name of ['nginx', 'nginx2']) {
      const ports = parseTrackerPorts(services[name]!.environment!.TRACKER_PORTS!)
      for (const { protocol, port, udp } of ports) {
        for (const app of ['app', 'app1', 'app2', 'app3']) {
          const variable = `NUXT_GATEWAY_${protocol.toUpperCase()}_PORT`
          expect([app, services[app]!.environment![variable]]).toEqual([app, String(port)])
        }
        const published = services[name]!.ports!.map(String).filter(text => new RegExp(`:${port}(/udp)?$`).test(text))
        expect(published).toHaveLength(udp ? 2 : 1)
        for (const text of published) expect(text).toMatch(/^\$\{TRACKER_BIND:-127\.0\.0\.1\}:/)
      }
      expect(ports).toHaveLength(3)
    }
  })
})
