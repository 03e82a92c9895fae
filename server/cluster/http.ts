/**
 * The body of a GET, as text.
 * @param mostBytes a longer one is refused: whoever answers there is not what it should be.
 * @throws for another status than 200, in words.
 */
export async function fetchText(
  url: string, { signal, mostBytes }: { signal: AbortSignal, mostBytes: number },
): Promise<string> {
  const response = await fetch(url, { signal, redirect: 'error' })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`It answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    length += chunk.byteLength
    if (length > mostBytes) throw new Error(`Its answer is longer than ${Math.round(mostBytes / 1024)} KiB`)
  }
  return Buffer.concat(chunks).toString('utf8')
}
