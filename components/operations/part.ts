export type PartState = 'healthy' | 'degraded' | 'down' | 'unknown'

/** One box of the diagram, and one row of the table: both are made of these, so that they say the same. */
export interface Part {
  name: string
  state: PartState
  role: string
  /** For the diagram, which has little room. */
  brief: string
  facts: string[]
  /** What stands on the edge from the group's leader to this one; null: there is none. */
  edge: string | null
  /** The one that the others follow. */
  leads: boolean
}
