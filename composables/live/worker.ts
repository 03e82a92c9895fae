import { createTabs } from './tabs.ts'

/** The live stream of all tabs of one session: the browser starts this worker once for all that name it alike, and ends it with the last of them. */
const tabs = createTabs()
addEventListener('connect', event => tabs.add((event as MessageEvent).ports[0]!))
setInterval(tabs.look, 5_000)
