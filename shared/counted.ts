/** How far a list is counted: past it nobody reads the number, and counting would cost more than the page. */
export const maxCounted = 10_000
