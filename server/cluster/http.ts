export interface Answer {
  status: number
  text: string
}

export interface Request extends RequestInit {
  signal: AbortSignal
  /** A longer answer is refused: whoever answers there is not what it should be. */
  maxBytes: number
}

/**
 * Whatever is answered, whole and as text. A redirect is followed nowhere.
 * @throws in words when the answer is too long; else as `fetch` does.
 */
export async function ask(url: string, { maxBytes, ...request }: Request): Promise<Answer> {
  const response = await fetch(url, { ...request, redirect: 'error' })
  const chunks: Uint8Array[] = []
  let length = 0
  // Leaving the loop ends the connection: what is too long is not read to its end.
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    length += chunk.byteLength
    if (length > maxBytes) throw new Error(`Its answer is longer than ${Math.round(maxBytes / 1024)} KiB`)
  }
  return { status: response.status, text: Buffer.concat(chunks).toString('utf8') }
}

/**
 * The body of a GET, as text.
 * @throws for another status than 200, in words.
 */
export async function fetchText(url: string, request: Request): Promise<string> {
  const { status, text } = await ask(url, request)
  if (status !== 200) throw new Error(`It answered ${status}`)
  return text
}
