import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../../lab/place.ts'
import { marks, shellBlocks, type Block } from './blocks.ts'
import { missingNames, missingPlaces } from './names.ts'
import type { Repository } from './repository.ts'
import { syntaxFaults } from './run.ts'

/** Each page of the handbook: its path, and its text. */
export function readPages(): { page: string, text: string }[] {
  return globSync(['docs/**/*.md', '*.md'], { cwd: projectRoot })
    .sort()
    .map(page => ({ page, text: readFileSync(join(projectRoot, page), 'utf8') }))
}

/** Whether compose:check runs each command of the block as it stands. */
function untried(text: string, { tried }: Repository): string[] {
  const commands = text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  return commands
    .filter(command => !tried.includes(command))
    .map(command => `compose:check does not run this as it stands (docs/runbook-commands.md): ${command}`)
}

/** What is wrong with a block without running it. */
export function faultsOfBlock(block: Block, repository: Repository): string[] {
  if (!block.mark) return [`the block says neither that it is executed nor why not: ${marks}`]
  return [
    ...syntaxFaults(block.text),
    ...missingNames(block.text, repository),
    ...(block.mark.how === 'compose:check' ? untried(block.text, repository) : []),
  ]
}

/** What is wrong with a page without running anything: "page:line: words". */
export function faultsOfPage(page: string, text: string, repository: Repository): string[] {
  return [
    ...missingPlaces(text, repository).map(words => `${page}: ${words}`),
    ...shellBlocks(page, text).flatMap(block =>
      faultsOfBlock(block, repository).map(words => `${page}:${block.line}: ${words}`),
    ),
  ]
}
