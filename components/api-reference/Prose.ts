import { h, type FunctionalComponent } from 'vue'

/** A text in which `words between backticks` are set as code. */
const Prose: FunctionalComponent<{ text: string }> = ({ text }) => text.split('`').map((part, index) =>
  index % 2 ? h('code', { class: 'rounded bg-elevated px-1 text-highlighted wrap-anywhere' }, part) : part)
Prose.props = ['text']
export default Prose
