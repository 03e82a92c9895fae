import { readFileSync } from 'node:fs'
import { labDirectory, planFile } from '../place.ts'
import type { Release } from '../../tools/debian-release.ts'
import type { LabAddresses, LabCredentials, LabNode } from '../types.ts'

/** One process of a node, as a container would run it. */
export interface Unit {
  /** Unique in the lab: the node's name, or `nginx1-checker`. Also names its log. */
  name: string
  /** Debian's account for it. */
  user: string
  command: string[]
  env: Record<string, string>
  /** Docker's `stop_signal`. */
  stopSignal: NodeJS.Signals
  /** Docker's `stop_grace_period`: SIGKILL after it. */
  graceMs: number
}

export interface PlannedNode extends LabNode {
  units: Unit[]
}

/** A port of this machine that leads to a node, as `ports:` of a compose file does. */
export interface PublishedPort {
  port: number
  node: string
  target: number
}

/**
 * The process that brought the lab up: a drill, a test or a measurement that goes on using it, or an `ha:up`
 * that has ended since.
 */
export interface Keeper {
  pid: number
  /** Ticks since the machine's start at which it began: a pid is given again, the two together are not. */
  startedAt: string
  command: string
}

/**
 * All that the supervisor and the verbs need to know. Written once by `ha:up`, readable by root alone: it
 * holds the secrets.
 */
export interface Plan {
  nodes: PlannedNode[]
  published: PublishedPort[]
  addresses: Omit<LabAddresses, 'postgresUrl' | 'patroni'>
  credentials: LabCredentials
  startedAt: string
  /** Whose servers the hosts run. */
  debian: Release
  keeper: Keeper
}

export function readPlan(): Plan {
  return JSON.parse(readFileSync(planFile, 'utf8')) as Plan
}

export function logFile(unit: string): string {
  return `${labDirectory}/log/${unit}.log`
}
