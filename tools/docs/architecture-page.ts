import { floors, roomGraph } from '../imports/rooms.ts'
import { readImports, type Graph } from '../imports/graph.ts'

/** docs/architecture.md: the rooms, and who imports whom, as it is written in the code. */
export function architecturePage(): string {
  const rooms = roomGraph(readImports())
  const drawn = withoutDetours(rooms)
  const names = floors.flat()
  const id = (room: string) => `r${names.indexOf(room)}`
  const lines = floors.flatMap((floor, level) => [
    `  subgraph f${level}[" "]`,
    ...floor.map(room => `    ${id(room)}["${room}"]`),
    '  end',
  ])
  const arrows = [...drawn].flatMap(([room, others]) => others.map(other => `  ${id(room)} --> ${id(other)}`))
  const rows = names.map(room => `| ${room} | ${rooms.get(room)!.join(', ') || 'nobody'} |`)
  return `# Architecture

Made by \`npm run docs\` from the imports of the whole repository, types included; a test fails when they
differ.
\`tools/imports/rooms.ts\` says what the rooms and the floors are. \`tests/house/imports.unit.test.ts\` refuses a
circle, of files or of rooms, and an import of a floor above.
Why it is built so is in [the handbook's page on high availability](high-availability-architecture.md); where
a feature's parts stand is in [CONTRIBUTING](../CONTRIBUTING.md).

## Who imports whom

An arrow that another way through the picture already implies is left out; the table has them all.
Not seen: Nuxt's own auto-imports, as those of components in templates.

\`\`\`mermaid
flowchart TD
${[...lines, ...arrows].join('\n')}
\`\`\`

| room | imports from |
| --- | --- |
${rows.join('\n')}
`
}

/** The graph without the arrows that a longer way implies. It has no circle. */
function withoutDetours(graph: Graph): Graph {
  const reached = (from: string): Set<string> =>
    new Set((graph.get(from) ?? []).flatMap(next => [next, ...reached(next)]))
  return new Map([...graph].map(([room, others]) => [
    room,
    others.filter(other => !others.some(between => between !== other && reached(between).has(other))),
  ]))
}
