/** Polls until the condition holds. The limit is against hanging, generous on purpose. */
export async function until(
  condition: () => unknown | Promise<unknown>,
  what = 'the condition',
  limitMs = 30_000,
): Promise<void> {
  const limit = Date.now() + limitMs
  for (;;) {
    if (await condition()) return
    if (Date.now() > limit) throw new Error(`Waited ${limitMs / 1000} s in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
