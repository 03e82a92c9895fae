import { globSync, readFileSync } from 'node:fs'
import { dirname, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Which files each file imports, types included. Paths from the project's root. */
export type Graph = Map<string, string[]>

/** All TypeScript and Vue files of the project, except what is made or installed. */
const patterns = [
  '*.{ts,mjs,vue}',
  '{components,composables,deploy,lab,layouts,middleware,pages,plugins,scripts,server,shared,tests,tools}'
  + '/**/*.{ts,mjs,vue}',
]

/**
 * The imports of the whole repository as they are written: `import`, `export … from` and `import('…')` with a
 * literal. Nuxt's auto-imports (components in templates) are not seen.
 */
export function readImports(): Graph {
  const files = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).sort()
  const known = new Set(files)
  return new Map(files.map((file) => {
    const text = readFileSync(posix.join(root, file), 'utf8')
    const code = file.endsWith('.vue')
      ? [...text.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)].map(([, script]) => script).join('\n')
      : text
    const found = ts.preProcessFile(code, true, true).importedFiles
      .flatMap(({ fileName }) => resolve(file, fileName, known) ?? [])
    return [file, [...new Set(found)].sort()]
  }))
}

/** The file that an import names; null: a package, or no code. */
function resolve(from: string, name: string, known: Set<string>): string | null {
  const path = /^#(server|shared)\//.test(name)
    ? name.slice(1)
    : /^[~@]\//.test(name)
      ? name.slice(2)
      : name.startsWith('.') ? posix.join(dirname(from), name) : null
  if (path === null) return null
  return [path, `${path}.ts`, `${path}.vue`, `${path}/index.ts`].find(file => known.has(file)) ?? null
}

/** The groups of files (or of rooms) of which each reaches each other. */
export function circles(graph: Graph): string[][] {
  // Tarjan's strongly connected components.
  const index = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  function visit(node: string) {
    index.set(node, index.size)
    lowest.set(node, index.get(node)!)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!))
    }
    if (lowest.get(node) !== index.get(node)) return
    const group = stack.splice(stack.indexOf(node))
    if (group.length > 1) found.push(group.sort())
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return found
}
