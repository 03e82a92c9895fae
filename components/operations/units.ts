/** `1.5 MiB`. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`
  if (count < 1_048_576) return `${(count / 1_024).toFixed(0)} KiB`
  if (count < 1_073_741_824) return `${(count / 1_048_576).toFixed(1)} MiB`
  return `${(count / 1_073_741_824).toFixed(1)} GiB`
}

export function seconds(count: number): string {
  return `${count < 10 ? count.toFixed(1) : Math.round(count)} s`
}
