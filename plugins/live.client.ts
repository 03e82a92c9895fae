/** Between two attempts to learn who is signed in after the stream was ended. */
const askAgainMs = 5_000

/** The live stream is open while somebody is signed in to an organisation; another session or organisation is another stream. */
export default defineNuxtPlugin((nuxtApp) => {
  const { session, load } = useSession()

  function open() {
    closeLiveStream()
    const { id, organisation, liveEventId } = session.value ?? {}
    if (organisation) openLiveStream(liveEventId ?? null, { name: `fleet2 ${id} ${organisation.id}`, ended })
  }

  /** The session has ended, works elsewhere, or may do less: what is shown is no longer this person's to see, or the stream is opened anew. */
  async function ended() {
    const before = session.value?.organisation?.id
    try {
      await nuxtApp.runWithContext(load)
    }
    catch {
      return void setTimeout(() => void ended(), askAgainMs)
    }
    if (session.value && session.value.organisation?.id === before) return nuxtApp.runWithContext(open)
    // Nothing of the former organisation stays in the page. The middleware knows where to go.
    window.location.reload()
  }

  nuxtApp.hook('app:mounted', () => {
    watch(() => session.value?.organisation?.id, () => nuxtApp.runWithContext(open), { immediate: true })
  })
})
