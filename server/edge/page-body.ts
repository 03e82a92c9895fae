/**
 * Keeps what a page says out of the search for scripts and styles that need the nonce: nuxt-security looks at
 * every quoted text of the whole page (a tenth of the time that a table of fifty vehicles took). What Vue has
 * rendered contains neither; Nuxt's own stand in the head and after the body. A script that gets into a
 * page's text by a mistake has no nonce that way either, and does not run.
 */
export default defineNitroPlugin((nitroApp) => {
  nitroApp.hooks.hook('render:html', (html) => {
    // nuxt-security leaves alone what is no string, and Nuxt joins them all.
    html.body = html.body.map(text => ({ toString: () => text }) as unknown as string)
  })
})
