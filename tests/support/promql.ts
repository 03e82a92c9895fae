import { parser } from '@prometheus-io/lezer-promql'

/** Where Prometheus's own grammar finds a fault; empty: none. */
export function faults(expression: string): string[] {
  const found: string[] = []
  parser.parse(expression).iterate({
    enter({ type, from }) {
      if (type.isError) found.push(`at ${from}: ${expression.slice(from, from + 30)}`)
    },
  })
  return found
}

/** The metrics that an expression asks for. */
export function metricsOf(expression: string): string[] {
  const found = new Set<string>()
  parser.parse(expression).iterate({
    enter({ name, node }) {
      if (name !== 'VectorSelector') return
      const identifier = node.getChild('Identifier')
      // `{__name__=~…}` would hide a name from this list.
      found.add(identifier
        ? expression.slice(identifier.from, identifier.to)
        : expression.slice(node.from,
            node.to))
    },
  })
  return [...found]
}
