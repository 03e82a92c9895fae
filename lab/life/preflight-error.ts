/** The lab cannot do what was asked on this machine. The message says why, and what would help. */
export class PreflightError extends Error {
  readonly reasons: string[]
  constructor(reasons: string[]) {
    super(reasons.join('\n'))
    this.reasons = reasons
  }
}
