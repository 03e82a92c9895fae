import { addIcon, getIcon } from '@iconify/vue'
import { init } from '#build/nuxt-icon-client-bundle'

const known = new Map<string, { viewBox: string, innerHTML: string }>()

/** What is inside an icon's element (`i-lucide-…`), looked up once. */
export function drawingOf(name: string): { viewBox: string, innerHTML: string } {
  let drawing = known.get(name)
  if (!drawing) {
    init(addIcon)
    const icon = getIcon(name.replace(/^i-lucide-/, 'lucide:'))
    // A name with no icon is a mistake in the code, and is found by looking at the page.
    drawing = { viewBox: `0 0 ${icon?.width ?? 24} ${icon?.height ?? 24}`, innerHTML: icon?.body ?? '' }
    known.set(name, drawing)
  }
  return drawing
}
