import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const built = fileURLToPath(new URL('../../.output/public', import.meta.url))

/** What a page has the browser load before it is at work, in bytes after gzip. */
export interface PageSize {
  /** The program's code: the page's own, and all that it imports. */
  script: number
  /** Of the map: it comes with the page, and the page does not wait for it. */
  map: number
  style: number
  /** The document. */
  html: number
}

/** Of the map are the library with its worker, and what draws it and has its coastlines. */
const ofMap = (path: string, code: string) => /maplibre/.test(path) || /maplibregl-|"Topology"/.test(code)

/**
 * What the page's HTML names as scripts, preloaded modules and styles, with whatever they import: the sizes
 * of those files as gzip makes them. `rel="prefetch"` is left out, which browsers fetch when they have
 * nothing else to do. `files`: where the built files are; the default is this tree's build.
 */
export async function pageSize(html: string, files = built): Promise<PageSize> {
  const scripts = new Set<string>()
  const add = async (path: string) => {
    if (scripts.has(path)) return
    scripts.add(path)
    const code = await readFile(join(files, path), 'utf8')
    const imports = code.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)
    for (const [, name] of imports) await add(`/_nuxt/${name}`)
  }
  for (const [tag, path] of html.matchAll(/<(?:script|link)\b[^>]*?\b(?:src|href)="(\/_nuxt\/[^"]+\.js)"[^>]*>/g))
    if (!tag.includes('rel="prefetch"')) await add(path!)
  const size: PageSize = { script: 0, map: 0, style: 0, html: gzipSync(html).length }
  for (const path of scripts) {
    const code = await readFile(join(files, path))
    size[ofMap(path, code.toString()) ? 'map' : 'script'] += gzipSync(code).length
  }
  for (const [, path] of html.matchAll(/<link\b[^>]*rel="stylesheet"[^>]*\bhref="(\/_nuxt\/[^"]+\.css)"/g))
    size.style += gzipSync(await readFile(join(files, path!))).length
  return size
}
