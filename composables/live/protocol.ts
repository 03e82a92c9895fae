import type { LiveEvents } from '#shared/live.ts'
import type { LinkState } from './source.ts'

/** What a tab says to the worker. */
export type FromTab
  /**
   * `startAfter`: the last event that the tab has, or the newest when its data was fetched; empty: not known.
   */
  = | { say: 'join', startAfter: string }
    /** Still here. Ports do not tell when a tab has gone. */
    | { say: 'here' }
    /** Nothing has come for long, by the tab's clock. */
    | { say: 'silent' }
    /** Somebody has come back to the tab, or the network to the machine. */
    | { say: 'wake' | 'online' }
    | { say: 'bye' }

/** What the worker says to a tab. */
export type FromWorker
  = | { say: 'welcome' }
    /** The answer to `here`. */
    | { say: 'there' }
    /** The tab was taken for gone: it is to join again. */
    | { say: 'stranger' }
    | { say: 'state', state: LinkState }
    | { say: 'event', name: keyof LiveEvents, data: string, id: string }
    | { say: 'unsure', reason: string }

/**
 * A tab says this often that it is there, and hears that the worker is. In the background a browser lets it
 * do so once a minute.
 */
export const hereEveryMs = 5_000

/** A tab that has said nothing for this long is gone, or frozen: it joins again when it is back. */
export const goneAfterMs = 180_000

/**
 * What tabs share a stream by: the session and the organisation that they show. It is the worker's name, and
 * all that the worker knows.
 */
export function streamName(sessionId: string, organisationId: string): string {
  return `fleet2 ${sessionId} ${organisationId}`
}

/** The organisation of such a name. */
export function organisationOf(name: string): string {
  return name.split(' ')[2] ?? ''
}
