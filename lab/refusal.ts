/** The lab cannot do what was asked here; the message says why in plain words and what would help. */
export class LabRefusal extends Error {
  readonly reasons: string[]
  constructor(reasons: string[]) {
    super(reasons.join('\n'))
    this.reasons = reasons
  }
}
