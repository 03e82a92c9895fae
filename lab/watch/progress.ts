import type { Progress } from '../types.ts'

/** Prints each step with the time it came at, and how many nodes are well by then. */
export function progressPrinter(): (progress: Progress) => void {
  const healthy = new Set<string>()
  const started = new Set<string>()
  return ({ atMs, node, state, text }) => {
    const time = `${(atMs / 1000).toFixed(1).padStart(5)} s`
    if (node === null) return console.log(`${time}  ${text}`)
    if (state === 'starting') return void started.add(node)
    if (state !== 'healthy' || healthy.has(node)) return
    healthy.add(node)
    const waiting = [...started].filter(other => !healthy.has(other))
    console.log(
      `${time}  ${String(healthy.size).padStart(2)} well  ${node.padEnd(18)} ${text.padEnd(12)}${waiting.length ? ` waiting for ${waiting.length > 4 ? `${waiting.slice(0, 4).join(', ')} and ${waiting.length - 4} more` : waiting.join(', ')}` : ''}`,
    )
  }
}
