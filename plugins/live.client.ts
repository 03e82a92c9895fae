import { streamName } from '~/composables/live/protocol.ts'

/** Between two attempts to learn who is signed in after the stream was ended. */
const askAgainMs = 5_000

/**
 * The live stream is open while somebody is signed in to an organisation; another session or organisation is
 * another stream.
 */
export default defineNuxtPlugin((nuxtApp) => {
  const { session, load } = useSession()
  const change = useOrganisationChange()

  /**
   * `startAfter`: the newest event when the page's data was fetched; null: everything is fetched once more.
   */
  function open(startAfter: string | null) {
    closeLiveStream()
    const { id, organisation } = session.value ?? {}
    if (id && organisation) openLiveStream(startAfter, { name: streamName(id, organisation.id), ended })
  }
  const reopen = () => nuxtApp.runWithContext(() => open(null))

  /**
   * The session has ended, works elsewhere, or may do less: what is shown is no longer this person's to see,
   * or the stream is opened anew.
   */
  async function ended() {
    try {
      await nuxtApp.runWithContext(load)
    }
    catch {
      return void setTimeout(() => void ended(), askAgainMs)
    }
    // Nothing of the former session stays in the page. The middleware knows where to go.
    if (!session.value) return window.location.reload()
    // The layout says so, and offers where to go on.
    if (change.value) return nuxtApp.runWithContext(closeLiveStream)
    await reopen()
  }

  nuxtApp.hook('app:mounted', () => {
    watch(
      () => session.value?.organisation?.id,
      () => nuxtApp.runWithContext(() => open(session.value?.liveEventId ?? null)),
      { immediate: true },
    )
  })
  return { provide: { reopenLiveStream: reopen } }
})
