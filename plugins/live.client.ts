/** The live stream is open while somebody is signed in to an organisation; another organisation is another stream. */
export default defineNuxtPlugin((nuxtApp) => {
  const { session } = useSession()
  nuxtApp.hook('app:mounted', () => {
    watch(() => session.value?.organisation?.id, (organisationId) => {
      nuxtApp.runWithContext(() => {
        closeLiveStream()
        if (organisationId) openLiveStream(session.value?.liveEventId ?? null)
      })
    }, { immediate: true })
  })
})
