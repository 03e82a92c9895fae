import { shellBlocks } from './handbook/blocks.ts'
import { readRepository } from './handbook/repository.ts'
import { runBlock } from './handbook/run.ts'
import { faultsOfPage, readPages } from './handbook/verify.ts'

/**
 * `npm run docs:verify`: reads every shell block of the handbook, runs those that need this machine alone,
 * and says which are left to `npm run compose:check`, to the lab and to people. Ends with 1 if one is wrong.
 */
const repository = readRepository()
const pages = readPages()
const faults = pages.flatMap(({ page, text }) => faultsOfPage(page, text, repository))
const blocks = pages.flatMap(({ page, text }) => shellBlocks(page, text))
const marked = (how: string) => blocks.filter(({ mark }) => mark?.how === how)

let passed = 0
for (const block of marked('executed')) {
  const fault = runBlock(block)
  if (fault) faults.push(`${block.page}:${block.line}: ${fault}`)
  else passed++
}

const list = (title: string, how: string, words: (reason: string) => string) => {
  const found = marked(how)
  console.log(`\n${title}: ${found.length}`)
  for (const { page, line, mark } of found)
    console.log(`  ${page}:${line}${words(mark && 'reason' in mark ? mark.reason : '')}`)
}
console.log(`Executed here, as the page says: ${passed} of ${marked('executed').length}`)
list('Executed by npm run compose:check (not now)', 'compose:check', () => '')
list('NOT RUN, these wait for the lab', 'lab', () => '')
list('By hand', 'manual', reason => `: ${reason}`)
if (faults.length) console.error(`\nWrong: ${faults.length}\n${faults.map(fault => `  ${fault}`).join('\n')}`)
console.log(`\n${blocks.length} shell blocks, ${faults.length} faults`)
process.exit(faults.length ? 1 : 0)
