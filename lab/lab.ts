import type { Lab, UpOptions } from './types.ts'

/** The lab cannot do what was asked here; the message says why in plain words and what would help. */
export class LabRefusal extends Error {}

/**
 * Brings the whole stack up from nothing and resolves when everything in it is healthy. Only one lab runs on a machine at a time.
 * @throws {LabRefusal} with every reason at once where this machine cannot have one.
 */
export async function upLab(_options: UpOptions = {}): Promise<Lab> {
  throw new LabRefusal('not built yet')
}

/** The lab that runs on this machine. @throws {LabRefusal} when none does. */
export async function connectLab(): Promise<Lab> {
  throw new LabRefusal('not built yet')
}

/** Ends whatever there is of a lab, also after an `upLab` that failed half-way or was killed. Idempotent. Resolves to what it found and removed. */
export async function downLab(): Promise<string[]> {
  return []
}

/** Why this machine cannot have a lab; empty where it can: not Linux, not root, a capability or a package missing, a lab up already, a port taken. */
export async function reasonsAgainst(): Promise<string[]> {
  return ['not built yet']
}
