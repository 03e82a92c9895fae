import { isIPv6 } from 'node:net'

/** One instance as the balancer knows it. */
export interface Server {
  /** As in the compose file: app1. */
  name: string
  port: number
  /** Used only when all that are no backups are away. The specification's third instance is one. */
  backup: boolean
  /**
   * Its last known address; null: the name has never been found. Nginx refuses to start over one name that it
   * cannot find, so it is given addresses.
   */
  address: string | null
  /** Out of rotation. */
  down: boolean
}

/**
 * `app1:3000,app2:3000,[fd00::7]:3000:backup`; an address of IPv6 stands in brackets. @throws with the part
 * that is wrong.
 */
export function parseServers(text: string): Server[] {
  const servers = text.split(/[\s,]+/).filter(Boolean).map((part) => {
    const [, bracketed, name, digits, backup]
      = /^(?:\[([^\]]+)\]|([\w.-]+)):(\d{1,5})(:backup)?$/.exec(part) ?? []
    const port = Number(digits)
    if (!digits || port < 1 || port > 65_535 || (bracketed !== undefined && !isIPv6(bracketed)))
      throw new Error(`UPSTREAMS: "${part}" is not name:port or name:port:backup`)
    return { name: bracketed ?? name!, port, backup: Boolean(backup), address: null, down: false }
  })
  if (servers.length === 0) throw new Error('UPSTREAMS names no server')
  return servers
}

/**
 * Connections that are kept for the next request, and for how long. Whoever reuses a connection must give it
 * up before the other end closes it: a request that meets the end of its connection is lost, and one without
 * an Idempotency-Key may not be sent again. Nginx's own 60 s would do with Node's 75 s
 * (server/lifecycle/connections.ts); 4 s are less than Node's default too (5 s), and less than the drain
 * delay: an instance that ends has no idle connection of Nginx's left.
 */
const kept = ['  keepalive 32;', '  keepalive_timeout 4s;']

/**
 * The cookie of a browser that stays with its instance. `__Host-`: no other host of the domain can set it.
 * Nginx has no variable for a cookie with a hyphen in its name, so it is read out of the whole header.
 */
const cookie = '__Host-fleet2-instance'

/**
 * Where a browser's requests go first: with stickiness to the instance that its cookie names, and to the
 * others when that one is away. The instance says its name in X-Fleet2-Instance. Open-source Nginx has
 * `sticky cookie` since 1.29.6 only; maps do it in every version.
 */
function renderChoice(
  servers: Server[],
  sticky: boolean,
  line: (server: Server, parameters: string) => string,
): string[] {
  const targets = sticky ? servers.filter(({ address }) => address !== null) : []
  const group = ({ name, address }: Server) =>
    `fleet_app_${name.replaceAll(/\W/g, '_')}_${address!.replaceAll(/\W/g, '_')}`
  // A scaled service's instances are called by their containers' names, which nobody here knows: they are
  // balanced.
  const named = targets.filter(({ name }) => targets.filter(other => other.name === name).length === 1)
  return [
    ...named.flatMap(target => [
      `upstream ${group(target)} {`,
      `  zone ${group(target)} 128k;`,
      ...servers.map(server =>
        line(server, `max_fails=3 fail_timeout=30s${server === target ? '' : ' backup'}`),
      ),
      ...kept,
      '}',
    ]),
    'map $http_cookie $told_instance {',
    '  default "";',
    `  "~(?:^|; ?)${cookie}=(?<told>[A-Za-z0-9._-]+)" $told;`,
    '}',
    'map $told_instance $fleet_app_choice {',
    '  default fleet_app;',
    ...named.map(target => `  ${target.name} ${group(target)};`),
    '}',
    // Set when another instance answered than the cookie says.
    'map "$told_instance:$upstream_http_x_fleet2_instance" $sticky_cookie {',
    '  default "";',
    ...(sticky
      ? [
          '  "~^([^:]+):\\1$" "";',
          `  "~^[^:]*:(?<answering>[A-Za-z0-9._-]+)$" "${cookie}=$answering; Path=/; Secure; HttpOnly; SameSite=Lax";`,
        ]
      : []),
    '}',
  ]
}

/**
 * The include file. `fleet_app` is the specification's upstream; `fleet_app_any` has the same servers without
 * passive checks and without backups: it is asked when `fleet_app` has nobody left, which happens when all
 * wait for the same thing. `sticky`: a browser stays with its instance while that is well.
 */
export function renderUpstream(servers: Server[], { sticky = false }: { sticky?: boolean } = {}): string {
  // Never the last one: an Nginx that knows nobody helps nobody, and it may be the checker that is wrong.
  const noneLeft = servers.every(({ down, address }) => down || address === null)
  const line = (server: Server, parameters: string) =>
    server.address === null
      ? `  # ${server.name}: its name is not known`
      : `  server ${server.address.includes(':') ? `[${server.address}]` : server.address}:${server.port} ${parameters}${server.down && !noneLeft ? ' down' : ''};  # ${server.name}`
  const known = servers.some(({ address }) => address !== null)
  // Nginx wants a server in each group; nothing listens there.
  const nobody = known ? [] : ['  server 127.0.0.1:9;']
  const onlyBackups = servers.every(({ address, backup }) => address === null || backup)
  return [
    '# Written by the checker. Changed by hand it lasts until its next word.',
    'upstream fleet_app {',
    '  zone fleet_app 128k;  # The workers share what they know of each server.',
    '  least_conn;',
    ...servers.map(server =>
      line(server, `weight=1 max_fails=3 fail_timeout=30s${server.backup && !onlyBackups ? ' backup' : ''}`),
    ),
    ...nobody,
    ...kept,
    '}',
    'upstream fleet_app_any {',
    '  zone fleet_app_any 128k;',
    '  least_conn;',
    ...servers.map(server => line(server, 'max_fails=0')),
    ...nobody,
    ...kept,
    '}',
    ...renderChoice(servers, sticky, line),
    '',
  ].join('\n')
}

/** A protocol's port, at Nginx and at the instances. */
export interface TrackerPort {
  protocol: string
  port: number
  /** Beside TCP. */
  udp: boolean
}

/** The protocols that trackers may speak, and whether over UDP as well (server/gateway). */
const spokenOverUdp: Record<string, boolean> = { teltonika: true, gt06: false, h02: true }

/** `teltonika=5027,gt06=5023`. @throws with the part that is wrong. */
export function parseTrackerPorts(text: string): TrackerPort[] {
  const ports = text.split(/[\s,]+/).filter(Boolean).map((part) => {
    const [, protocol = '', digits] = /^([a-z0-9]+)=(\d{1,5})$/.exec(part) ?? []
    const port = Number(digits)
    if (!(protocol in spokenOverUdp) || port < 1 || port > 65_535) {
      const known = Object.keys(spokenOverUdp).join(', ')
      throw new Error(`TRACKER_PORTS: "${part}" is not protocol=port; the protocols are ${known}`)
    }
    return { protocol, port, udp: spokenOverUdp[protocol]! }
  })
  const twice = ports.find(({ port }, index) => ports.findIndex(other => other.port === port) !== index)
  if (twice) throw new Error(`TRACKER_PORTS: the port ${twice.port} is there twice`)
  return ports
}

/**
 * The `stream` block: for each port the instances that are well. One that refuses a connection is passed by
 * for ten seconds; one that takes it and says nothing is seen by the checker alone.
 */
export function renderTrackers(servers: Server[], ports: TrackerPort[]): string {
  if (ports.length === 0) return '# TRACKER_PORTS names no port.\n'
  const noneLeft = servers.every(({ down, address }) => down || address === null)
  const onlyBackups = servers.every(({ address, backup }) => address === null || backup)
  const line = ({ name, address, backup, down }: Server, port: number) =>
    address === null
      ? `    # ${name}: its name is not known`
      : `    server ${address.includes(':') ? `[${address}]` : address}:${port} max_fails=1 fail_timeout=10s`
        + `${backup && !onlyBackups ? ' backup' : ''}${down && !noneLeft ? ' down' : ''};  # ${name}`
  const known = servers.some(({ address }) => address !== null)
  return [
    '# Written by the checker. Changed by hand it lasts until its next word.',
    'stream {',
    '  include includes/trackers-all.conf;',
    '  include generated/site-trackers.conf;',
    ...ports.flatMap(({ protocol, port, udp }) => [
      `  upstream trackers_${protocol} {`,
      `    zone trackers_${protocol} 128k;`,
      '    least_conn;',
      ...servers.map(server => line(server, port)),
      ...known ? [] : ['    server 127.0.0.1:9;'],
      '  }',
      '  server {',
      `    listen ${port};`,
      `    proxy_pass trackers_${protocol};`,
      '    include includes/trackers-tcp.conf;',
      '  }',
      ...udp
        ? [
            '  server {',
            `    listen ${port} udp;`,
            `    proxy_pass trackers_${protocol};`,
            '    include includes/trackers-udp.conf;',
            '  }',
          ]
        : [],
    ]),
    '}',
    '',
  ].join('\n')
}

/** Counts answers of one server: `failures` in a row take it out, `successes` in a row put it back. */
export function createVerdict({ failures, successes }: { failures: number, successes: number }) {
  let down = false
  let row = 0
  return {
    get down() {
      return down
    },
    /** True when the verdict has changed. */
    add(ok: boolean): boolean {
      row = ok === down ? row + 1 : 0
      if (row < (down ? successes : failures)) return false
      down = !down
      row = 0
      return true
    },
  }
}
