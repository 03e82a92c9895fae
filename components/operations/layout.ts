import type { Part } from './part.ts'
import type { Group, GroupName } from './parts.ts'

/** A box, in the drawing's own units, which are CSS pixels where it is not scaled. */
export interface Box extends Rectangle { part: Part }
export interface Rectangle { x: number, y: number, width: number, height: number }
export interface Frame extends Rectangle { group: Group, boxes: Box[] }
export interface Line { from: Point, to: Point, label: string | null, dashed: boolean }
interface Point { x: number, y: number }

export interface Drawing { width: number, height: number, frames: Frame[], lines: Line[] }

export const boxWidth = 152
export const boxHeight = 66
const gap = 12
const pad = 12
const titleHeight = 28
const between = 34
/** Room for what stands on an edge. */
const edgeHeight = 42

/** The way of a request, from the top down. */
const way: GroupName[] = ['proxies', 'instances', 'router', 'poolers', 'balancers', 'postgres']

/** Beside the way: Redis and who watches it at the instances, etcd at PostgreSQL. */
const beside: GroupName[] = ['redis', 'sentinels', 'etcd']

/**
 * Where everything stands. `wide`: the way in one column and what stands beside it in another; else all in
 * one, for a phone. Groups without anything to show are left out.
 */
export function layOut(groups: Group[], { wide }: { wide: boolean }): Drawing {
  const shown = groups.filter(({ parts }) => parts.length > 0)
  const pick = (names: GroupName[]) => names.flatMap(name => shown.find(group => group.name === name) ?? [])
  const perRow = wide ? 4 : 2
  const columnWidth = widthOf(perRow)
  const main = column(pick(way), { x: 0, perRow, width: columnWidth })
  const lines = main.slice(1).map((frame, at) => down(main[at]!, frame))
  if (!wide) {
    const below = (main.at(-1) ? bottom(main.at(-1)!) : 0) + between
    const rest = column(pick(beside), { x: 0, perRow, width: columnWidth, y: below })
    return finish([...main, ...rest], lines, columnWidth)
  }
  const sideX = columnWidth + 56
  const side: Frame[] = []
  for (const group of pick(beside)) {
    const neighbour = group.name === 'etcd' ? 'postgres' : 'instances'
    const next = main.find(({ group: { name } }) => name === neighbour)
    const lowest = side.length ? bottom(side.at(-1)!) + between : 0
    const frame = frameOf(
      group, { x: sideX, y: Math.max(lowest, next?.y ?? 0), perRow: 2, width: widthOf(2) },
    )
    const before = side.at(-1)
    side.push(frame)
    if (group.name === 'sentinels' && before?.group.name === 'redis') lines.push(watching(frame, before))
    else if (next) lines.push(across(next, frame))
  }
  return finish([...main, ...side], lines, sideX + widthOf(2))
}

function widthOf(boxes: number) {
  return boxes * boxWidth + (boxes - 1) * gap + 2 * pad
}

function bottom({ y, height }: Rectangle) {
  return y + height
}

function finish(frames: Frame[], lines: Line[], width: number): Drawing {
  const edges = frames.flatMap(edgesIn)
  return { width, height: Math.max(0, ...frames.map(bottom)), frames, lines: [...lines, ...edges] }
}

function column(
  groups: Group[], { x, perRow, width, y = 0 }: { x: number, perRow: number, width: number, y?: number },
): Frame[] {
  const frames: Frame[] = []
  for (const group of groups) {
    const frame = frameOf(group, { x, y, perRow, width })
    frames.push(frame)
    y = bottom(frame) + between
  }
  return frames
}

/** A group that has a leader and followers has the leader above them; others stand in rows. */
function frameOf(
  group: Group, { x, y, perRow, width }: { x: number, y: number, perRow: number, width: number },
): Frame {
  const leaders = group.parts.filter(({ leads }) => leads)
  const others = group.parts.filter(({ leads }) => !leads)
  const rows = [...rowsOf(leaders, perRow), ...rowsOf(others, perRow)]
  const boxes: Box[] = []
  let top = y + titleHeight
  for (const [at, row] of rows.entries()) {
    // In the middle, so that edges are short.
    const rowWidth = row.length * boxWidth + (row.length - 1) * gap
    const left = x + (width - rowWidth) / 2
    row.forEach(
      (part, n) => boxes.push(
        { part, x: left + n * (boxWidth + gap), y: top, width: boxWidth, height: boxHeight },
      ),
    )
    const edgesFollow = row[0]!.leads && rows[at + 1] && !rows[at + 1]![0]!.leads
    top += boxHeight + (edgesFollow ? edgeHeight : gap)
  }
  return { group, boxes, x, y, width, height: top - gap + pad - y }
}

function rowsOf(parts: Part[], perRow: number): Part[][] {
  return Array.from(
    { length: Math.ceil(parts.length / perRow) }, (_, row) => parts.slice(row * perRow, (row + 1) * perRow),
  )
}

function down(above: Rectangle, below: Rectangle): Line {
  const x = above.x + above.width / 2
  return { from: { x, y: bottom(above) }, to: { x, y: below.y }, label: null, dashed: false }
}

/** Who watches whom: nothing of a request goes this way. */
function watching(below: Rectangle, above: Rectangle): Line {
  const { from, to } = down(above, below)
  return { from: to, to: from, label: null, dashed: true }
}

function across(left: Rectangle, right: Rectangle): Line {
  const y = Math.max(left.y, right.y) + titleHeight
  return { from: { x: left.x + left.width, y }, to: { x: right.x, y }, label: null, dashed: false }
}

/**
 * Replication: from the one that leads to those in the row below; with a second row the line would run
 * through the first.
 */
function edgesIn({ boxes }: Frame): Line[] {
  const leader = boxes.find(({ part }) => part.leads)
  if (!leader) return []
  const followers = boxes.filter(({ part }) => part.edge !== null)
  const row = Math.min(...followers.map(({ y }) => y))
  return followers.filter(({ y }) => y === row).map(({ x, y, width, part }) => ({
    from: {
      x: leader.x + leader.width / 2, y: bottom(leader),
    }, to: { x: x + width / 2, y }, label: part.edge, dashed: false,
  }))
}
