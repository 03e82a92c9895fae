import type { Graph } from './graph.ts'

/**
 * The rooms of the repository from the roof to the ground, a line a floor. A room imports from floors below
 * it and from its own, never upward; rooms of one floor form no circle either.
 */
export const floors: string[][] = [
  ['npm test'],
  ['tests'],
  ['configuration files'],
  ['tools/docs'],
  ['tools/api'],
  ['scripts', 'lab'],
  ['tools'],
  ['deploy'],
  ['server/api', 'server/routes', 'server/middleware', 'server/plugins', 'server/error-handler.ts'],
  ['server/edge', 'server/gateway'],
  ['server/lifecycle'],
  ['server/identity', 'server/fleet', 'server/audit', 'server/cluster', 'server/health', 'server/undo'],
  ['server/live', 'server/jobs', 'server/mail'],
  ['server/database', 'server/redis', 'server/storage'],
  ['server/telemetry', 'server/config'],
  ['pages', 'layouts', 'middleware', 'plugins'],
  ['components'],
  ['composables'],
  ['shared'],
]

/** The room that a file stands in; null: none knows it. */
export function roomOf(file: string): string | null {
  if (file === 'tools/test.ts') return 'npm test'
  if (!file.includes('/')) {
    if (file.endsWith('.vue') || file === 'app.config.ts') return 'pages'
    return 'configuration files'
  }
  const rooms = floors.flat()
  const [first, second] = file.split('/')
  // Only a declaration, of what Nuxt makes.
  if (file === 'server/endpoints.d.ts') return 'server/edge'
  return rooms.find(room => room === `${first}/${second}`) ?? rooms.find(room => room === first) ?? null
}

/** Each room with those that its files import from. */
export function roomGraph(graph: Graph): Graph {
  const rooms = new Map<string, Set<string>>(floors.flat().map(room => [room, new Set()]))
  for (const [file, imports] of graph) {
    const room = roomOf(file)
    for (const imported of imports) {
      const other = roomOf(imported)
      if (room && other && other !== room) rooms.get(room)!.add(other)
    }
  }
  return new Map([...rooms].map(([room, others]) => [room, [...others].sort()]))
}

/** Imports of a floor above one's own, in words. */
export function upward(graph: Graph): string[] {
  const level = (room: string | null) => floors.findIndex(floor => room !== null && floor.includes(room))
  return [...graph].flatMap(([file, imports]) =>
    imports.filter(other => level(roomOf(other)) < level(roomOf(file))).map(other => `${file} -> ${other}`),
  )
}
