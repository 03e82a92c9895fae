import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Changes what stands in a page between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
 * @throws where the page has no such place.
 */
export function replaceIn(page: string, name: string, change: (text: string) => string): void {
  const file = join(root, page)
  const text = readFileSync(file, 'utf8')
  const [begin, end] = [`<!-- ${name}:begin -->\n`, `\n<!-- ${name}:end -->`]
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
  if (from < begin.length || to < from) throw new Error(`${page} has no ${begin.trim()} … ${end.trim()}`)
  writeFileSync(file, text.slice(0, from) + change(text.slice(from, to)) + text.slice(to))
}
