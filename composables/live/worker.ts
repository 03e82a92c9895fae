import { organisationOf } from './protocol.ts'
import { openSource } from './source.ts'
import { createTabs } from './tabs.ts'

declare const name: string

/**
 * The live stream of all tabs of one session: the browser starts this worker once for all that name it alike,
 * and ends it with the last of them.
 */
const organisationId = organisationOf(name)
const tabs = createTabs((startAfter, handlers) => openSource(startAfter, organisationId, handlers))
addEventListener('connect', event => tabs.add((event as MessageEvent).ports[0]!))
setInterval(tabs.look, 5_000)
