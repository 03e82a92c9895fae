import { config } from 'zod'

/** Without this zod tries whether it may compile code, which the content security policy refuses and reports. */
export default defineNuxtPlugin({
  name: 'zod',
  enforce: 'pre',
  setup() {
    config({ jitless: true })
  },
})
