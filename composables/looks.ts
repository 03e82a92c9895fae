/**
 * The looks of plain elements that stand on every page or many times on one, as the library's components have
 * them (`UButton`, `UInput`): classes that are written down cost nothing, where a component works them out
 * anew each time it is drawn. Pages and dialogs that are opened now and then use the components.
 */
const button
  = 'inline-flex cursor-pointer items-center rounded-md font-medium transition-colors '
    + 'disabled:cursor-not-allowed disabled:opacity-75 '
const medium = 'gap-1.5 px-2.5 py-1.5 text-sm '
const small = 'gap-1.5 px-2.5 py-1.5 text-xs '

export const looks = {
  /** What the page is for. */
  primary: `${button}${medium}bg-primary text-inverted hover:bg-primary/75`,
  /** Beside it. */
  subtle: `${button}${medium}bg-elevated text-default ring ring-accented ring-inset hover:bg-accented/75`,
  /** In a row, with words. */
  subtleSmall: `${button}${small}bg-primary/10 text-primary ring ring-primary/25 ring-inset hover:bg-primary/15`,
  /** An icon alone; it needs a label. */
  icon: `${button}p-1.5 text-default hover:bg-elevated`,
  /** A part of a bar: the one that is chosen, and the others. */
  chosen: `${button}${small}bg-inverted text-inverted ring ring-inverted ring-inset`,
  other: `${button}${small}bg-default text-default ring ring-accented ring-inset hover:bg-elevated`,
  /** A menu's opener in the side bar. */
  menu: `${button}${medium}w-full justify-between text-default hover:bg-elevated`,
  field:
    'h-8 rounded-md bg-default px-2.5 py-1.5 text-base text-highlighted ring ring-accented ring-inset '
    + 'placeholder:text-dimmed md:text-sm',
  select:
    'h-8 cursor-pointer rounded-md bg-default py-1 ps-2.5 pe-8 text-base text-highlighted ring ring-accented '
    + 'ring-inset md:text-sm',
  selectSmall:
    'cursor-pointer rounded-md bg-default py-1 ps-2.5 pe-8 text-sm text-highlighted ring ring-accented '
    + 'ring-inset',
  link: 'font-medium text-highlighted underline-offset-4 hover:underline',
  sizeOfIcon: 'size-5 shrink-0',
  sizeOfSmallIcon: 'size-4 shrink-0',
} as const
