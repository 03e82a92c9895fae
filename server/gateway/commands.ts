/**
 * What is sent to a tracker. It can be told something only while it is connected, and only by the instance
 * that it is connected to.
 */
export interface Commands {
  /**
   * Sends a command as the manufacturer writes it, and resolves to the tracker's answer.
   * @throws {NotConnectedError} when it is not connected here, or the connection ends before the answer.
   * @throws {DecodeError} when its protocol has no form for the text.
   * @throws {CommandTimeoutError} when it does not answer in time: whether it has done it is not known.
   */
  send(identifier: string, text: string, timeoutMs: number): Promise<string>
}

export class NotConnectedError extends Error {}
export class CommandTimeoutError extends Error {}

/** Answers carry no name: trackers answer in the order in which they were told. */
export function createAnswers() {
  const waiting: { resolve(text: string): void, reject(error: Error): void }[] = []
  return {
    wait(timeoutMs: number): Promise<string> {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(one), 1)
          reject(new CommandTimeoutError('The tracker did not answer in time'))
        }, timeoutMs)
        const one = {
          resolve: (text: string) => {
            clearTimeout(timer)
            resolve(text)
          },
          reject: (error: Error) => {
            clearTimeout(timer)
            reject(error)
          },
        }
        waiting.push(one)
      })
    },
    come: (text: string) => waiting.shift()?.resolve(text),
    end: () => waiting.splice(0).forEach(one => one.reject(new NotConnectedError('The connection has ended'))),
  }
}
