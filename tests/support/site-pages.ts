import { globSync, readFileSync } from 'node:fs'

export interface SitePage {
  /** As the file names it: `/vehicles/[id]`. */
  path: string
  /** Whether it opens for somebody who is not signed in. */
  isPublic: boolean
}

/** Every page of the site, from the files of `pages/`: who adds one adds nothing to a list. */
export function sitePages(): SitePage[] {
  return globSync('pages/**/*.vue').map(file => ({
    path: `/${file.slice('pages/'.length, -'.vue'.length)}`.replace(/\/index$/, '') || '/',
    isPublic: /definePageMeta\(\{[^}]*\bpublic: /.test(readFileSync(file, 'utf8')),
  })).sort((a, b) => a.path < b.path ? -1 : 1)
}
