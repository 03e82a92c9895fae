export type BrokenPromise
  = | 'acknowledged write lost'
    | 'write applied twice'
    | 'session read backwards'
    | 'outcome never known'
    | 'answer differs from the database'
    | 'read of what was never written'
    | 'error that no client can handle'
    | 'request past its deadline'
    | 'stale without need'
    | 'write judged on less than was seen'
    | 'nothing was changed, it said'
    | 'refused without need'
    | 'circuit open without need'
    | 'replica called late without need'
    | 'slow statement run again'
    | 'held up by somebody else'
    | 'silent pooler waited for'
    | 'more back ends than connections'

export interface Violation {
  promise: BrokenPromise
  detail: string
}
