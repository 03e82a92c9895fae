import { globSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

/** What people read: the pages, and the errors and reasons that the server gives. */
const places = [
  'error.vue',
  'pages/**/*.vue',
  'layouts/*.vue',
  'components/**/*.{vue,ts}',
  'composables/**/*.ts',
  'shared/**/*.ts',
  'server/{edge,identity,fleet,health,cluster,live}/**/*.ts',
  'server/database/{errors,probe,read,write}.ts',
]

/** The last column of the glossary's tables of three columns: words that another word has replaced. */
function replacedWords(glossary: string): string[] {
  const rows = [...glossary.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$/gm)]
  return rows
    .map(([, , , words]) => words!.trim())
    .filter(words => words !== '' && words !== 'not' && words !== '---')
    .flatMap(words => words.split(', '))
}

/** Texts in a program, without what it imports. */
function textsOf(source: string): string[] {
  const texts: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      texts.push(node.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('text.ts', source, ts.ScriptTarget.Latest))
  return texts
}

/** The same of a component, with what its template shows. */
function textsOfFile(path: string, text = readFileSync(path, 'utf8')): string[] {
  if (!path.endsWith('.vue')) return textsOf(text)
  const script = /<script[^>]*>([\s\S]*?)<\/script>/.exec(text)?.[1] ?? ''
  const template = /<template>([\s\S]*)<\/template>/.exec(text)?.[1] ?? ''
  return [...textsOf(script), template.replace(/<!--[\s\S]*?-->|\bclass="[^"]*"/g, '').replace(/\s+/g, ' ')]
}

function found(words: string[], texts: string[]): string[] {
  return words.filter(word => texts.some(text => new RegExp(`\\b${word}\\b`, 'i').test(text)))
}

describe('the words of the glossary', () => {
  const replaced = replacedWords(readFileSync('docs/glossary.md', 'utf8'))

  it('are the only ones that people read for what they mean', () => {
    const files = globSync(places)
    expect(files.length).toBeGreaterThan(100)
    const faults = files.flatMap(path => found(replaced, textsOfFile(path)).map(word => `${path}: "${word}"`))
    expect(faults).toEqual([])
  })

  it.each([
    ['a.vue', '<template>\n<p>Fitted\n to</p>\n</template>'],
    ['a.vue', '<script setup lang="ts">const title = `Your present password, ${name}`</script>'],
    ['a.ts', 'throw new ForbiddenError(\'This E-mail address is taken.\')'],
  ])('would be found in %s: %s', (path, text) =>
    expect(found(replaced, textsOfFile(path, text))).toHaveLength(1),
  )

  it.each([
    ['a.vue', '<template>\n<!-- fitted to -->\n<p class="w-fit">Assigned to</p>\n</template>'],
    ['a.ts', '// the present password\nimport \'e-mail\''],
  ])('are for people, not for comments, classes and imports: %s', (path, text) => {
    expect(found(replaced, textsOfFile(path, text))).toEqual([])
  })
})
