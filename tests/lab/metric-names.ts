import { parse } from 'yaml'

interface Rule {
  expr: string
  record?: string
}

/** Words of PromQL that may stand where a name stands. */
const words = new Set(['and', 'or', 'unless', 'on', 'ignoring', 'by', 'without', 'bool', 'inf', 'nan'])

/** Metrics that a file's rules read or make: neither a function's name, nor a label's, nor PromQL's words. */
export function metricNames(text: string): string[] {
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] }
  return groups.flatMap(({ rules }) => rules).flatMap(({ expr, record }) => {
    // By a pattern of whole names alone: a|b.
    const byPattern = [...expr.matchAll(/__name__=~"([\w|]+)"/g)].flatMap(([, names]) => names!.split('|'))
    const plain = expr
      .replaceAll(/\{[^}]*\}/g, ' ')
      .replaceAll(/"[^"]*"/g, ' ')
      .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
      .replaceAll(/\[[^\]]*\]/g, ' ')
      .replaceAll(/\boffset\s+\w+/g, ' ')
    const names = [...plain.matchAll(/(?<![\w:.])[a-zA-Z_][\w:]*(?!\s*\(|[\w:])/g)].map(([name]) => name)
    return [...record ? [record] : [], ...byPattern, ...names.filter(name => !words.has(name.toLowerCase()))]
  })
}
