/**
 * For columns of a table that a narrow screen has no room for, least important first: shown from this width
 * on (Tailwind's breakpoints). What stands in them stands below the first column otherwise: nothing lies
 * outside of the screen, and nothing is lost.
 */
export const fromWidth = {
  sm: { class: { th: 'hidden sm:table-cell', td: 'hidden sm:table-cell' } },
  md: { class: { th: 'hidden md:table-cell', td: 'hidden md:table-cell' } },
  lg: { class: { th: 'hidden lg:table-cell', td: 'hidden lg:table-cell' } },
}
