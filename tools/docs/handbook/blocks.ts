/** How a shell block of the handbook is held to what it says. */
export type Mark
  /** Run on this machine by `npm run docs:verify` and `npm test`, and held to what is expected of it. */
  = | { how: 'executed', exit: number }
  /** Its commands stand in docs/runbook-commands.md: `npm run compose:check` runs each by a real engine. */
    | { how: 'compose:check' }
  /** Needs the lab (docs/lab.md): read here, and run by nothing yet. */
    | { how: 'lab' }
  /** Run by nobody but the reader, for the reason given. */
    | { how: 'manual', reason: string }

export interface Block {
  page: string
  /** Of the opening fence, from 1. */
  line: number
  text: string
  /** Null where the block says nothing that is understood. */
  mark: Mark | null
  /** What the page shows as its output: the next block, where that is marked `text expected`. */
  expected: string | null
}

const shells = ['bash', 'sh', 'shell', 'zsh', 'console']
/** For a person who adds a block. */
export const marks
  = '```bash executed, ```bash executed exit=2, ```bash executed by compose:check, '
    + '```bash waits for the lab, or ```bash manual: WHY'

/** What stands behind ```bash; null where it is none of `marks`. */
export function markOf(info: string): Mark | null {
  const executed = /^executed(?: exit=(\d+))?$/.exec(info)
  if (executed) return { how: 'executed', exit: Number(executed[1] ?? 0) }
  if (info === 'executed by compose:check') return { how: 'compose:check' }
  if (info === 'waits for the lab') return { how: 'lab' }
  const reason = /^manual: (\S.*)$/.exec(info)?.[1]
  return reason ? { how: 'manual', reason } : null
}

/** Every fenced block of a page: language, what follows it, text without the fence's indentation. */
function fencedBlocks(text: string) {
  const blocks: { line: number, language: string, info: string, text: string }[] = []
  let open: { line: number, indent: string, language: string, info: string, lines: string[] } | null = null
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(\s*)```(\S*)\s*(.*)$/.exec(line)
    if (!open && fence)
      open = { line: index + 1, indent: fence[1]!, language: fence[2]!, info: fence[3]!, lines: [] }
    else if (open && line.trim() === '```') {
      blocks.push({ ...open, text: open.lines.join('\n') })
      open = null
    }
    else open?.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart())
  }
  if (open) throw new Error(`The block of line ${open.line} is never closed.`)
  return blocks
}

/** The shell blocks of a page, each with its mark and what it is expected to print. */
export function shellBlocks(page: string, text: string): Block[] {
  const all = fencedBlocks(text)
  return all.flatMap(({ line, language, info, text: command }, index): Block[] => {
    if (!shells.includes(language)) return []
    const next = all[index + 1]
    const expected = next?.language === 'text' && next.info === 'expected' ? next.text : null
    return [{ page, line, text: command, mark: language === 'bash' ? markOf(info) : null, expected }]
  })
}
