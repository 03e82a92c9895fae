import { h, type FunctionalComponent } from 'vue'
import { drawingOf } from './icon-drawings.ts'

/**
 * Icons that many elements show, drawn once: `i-lucide-pencil` is referred to by
 * `<svg class="row-icon" aria-hidden="true"><use href="#icon-pencil" /></svg>`.
 */
const IconSprite: FunctionalComponent<{ names: string[] }> = ({ names }) => h(
  'svg', { 'class': 'hidden', 'aria-hidden': 'true' },
  names.map(name => h('symbol', { id: name.replace('i-lucide', 'icon'), ...drawingOf(name) })),
)
IconSprite.props = ['names']

export default IconSprite
