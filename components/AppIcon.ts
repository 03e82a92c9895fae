import { h, type FunctionalComponent } from 'vue'
import { drawingOf } from './icon-drawings.ts'

/**
 * An icon (`i-lucide-…`) as a plain element. `UIcon` looks the same and costs a hundred times as much on the
 * server, where each of a page is fetched by a promise and sent once more with the page's data: what stands
 * on every page uses this one. Decoration: a screen reader is not told of it.
 */
const AppIcon: FunctionalComponent<{ name: string }> = ({ name }) => h('svg', {
  'aria-hidden': 'true',
  'width': '1em',
  'height': '1em',
  ...drawingOf(name),
})
AppIcon.props = ['name']

export default AppIcon
