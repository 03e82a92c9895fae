/** What @nuxt/icon has gathered of the icons that the sources name; see `AppIcon`. */
declare module '#build/nuxt-icon-client-bundle' {
  export function init(add: (name: string, icon: import('@iconify/vue').IconifyIcon) => unknown): void
}
