import { globSync, readFileSync } from 'node:fs'
import ts from 'typescript'

export interface DescribedMetric {
  name: string
  kind: 'counter' | 'gauge' | 'histogram'
  labels: string[]
  help: string
}

/**
 * Every metric that the program makes, from the places in the source that make it: `new Counter({ name, help
 * … })`, and the helpers `counter(name, help, labels)` and `gauge(name, help, labels, read)`. By name.
 * @throws {Error} for one whose name, help or labels are not written out there.
 */
export function describedMetrics(): DescribedMetric[] {
  const root = new URL('../../', import.meta.url)
  return globSync('server/**/*.ts', { cwd: root })
    .flatMap(file => metricsOf(file, readFileSync(new URL(file, root), 'utf8')))
    .sort((a, b) => a.name < b.name ? -1 : 1)
}

/** The metrics that one file makes. */
export function metricsOf(file: string, text: string): DescribedMetric[] {
  if (!/ounter|auge|Histogram/.test(text)) return []
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const constants = new Map<string, ts.Expression>()
  const found: DescribedMetric[] = []

  function valueOf(node: ts.Expression | undefined): string | string[] | null {
    if (!node) return null
    if (ts.isStringLiteralLike(node)) return node.text
    if (ts.isAsExpression(node) || ts.isParenthesizedExpression(node)) return valueOf(node.expression)
    if (ts.isIdentifier(node)) return valueOf(constants.get(node.text))
    if (ts.isArrayLiteralExpression(node)) return node.elements.flatMap(element => valueOf(element) ?? [])
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
      const parts = [valueOf(node.left), valueOf(node.right)]
      return parts.every(part => typeof part === 'string') ? parts.join('') : null
    }
    return null
  }

  function note(kind: DescribedMetric['kind'], [name, help, labels]: (ts.Expression | undefined)[]) {
    const title = valueOf(name)
    // The helper's own definition, where the name is whatever it is given.
    if (title === null) return
    const [text, names] = [valueOf(help), labels ? valueOf(labels) : []]
    if (typeof title !== 'string' || typeof text !== 'string' || !Array.isArray(names))
      throw new Error(`${file}: write out the name, the help and the labels of ${String(title)}`)
    found.push({ name: title, kind, labels: names, help: text })
  }

  function look(node: ts.Node) {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer)
      constants.set(node.name.text, node.initializer)
    if (ts.isNewExpression(node) || ts.isCallExpression(node)) {
      const kind = /^(counter|gauge|histogram)$/i.exec(node.expression.getText())?.[1]?.toLowerCase()
      const [first, ...others] = node.arguments ?? []
      if (kind && first && ts.isObjectLiteralExpression(first)) {
        const fields = new Map(first.properties.filter(ts.isPropertyAssignment)
          .map(({ name, initializer }) => [name.getText(), initializer]))
        note(kind as DescribedMetric['kind'], ['name', 'help', 'labelNames'].map(name => fields.get(name)))
      }
      else if (kind && first) note(kind as DescribedMetric['kind'], [first, others[0], others[1]])
    }
    ts.forEachChild(node, look)
  }
  look(source)
  return found
}

/** `docs/metrics.md` with its table made anew. */
export function withMetricsTable(page: string, metrics = describedMetrics()): string {
  const rows = metrics.map(({ name, kind, labels, help }) =>
    `| \`${name}\` | ${kind} | ${labels.join(', ')} | ${help.replaceAll('|', ' / ')} |`)
  const table = ['| metric | kind | labels | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
  return page.replace(/(<!-- metrics:begin -->\n)[\s\S]*?(<!-- metrics:end -->)/,
    (_, begin: string, end: string) => `${begin}${table}\n${end}`)
}
