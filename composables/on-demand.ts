/**
 * For a part of a page that is loaded when it is first wanted and then stays: true from the first moment at
 * which `wanted` is. A dialog keeps its place, and its way of closing, that way.
 */
export function useOnceWanted(wanted: () => boolean): Ref<boolean> {
  const once = ref(wanted())
  watch(wanted, now => once.value ||= now)
  return once
}

/**
 * Loads what is wanted later while the page has nothing else to do: the first click does not wait for it, and
 * it is there when the network or the server is gone by then.
 */
export function loadAhead(...parts: (() => Promise<unknown>)[]): void {
  onNuxtReady(() => {
    // One that cannot be loaded now is asked for again when it is wanted.
    for (const part of parts) void part().catch(() => {})
  })
}
