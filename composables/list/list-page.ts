import type { DropdownMenuItem } from '@nuxt/ui'
import type { Ref, ShallowRef } from 'vue'
import type { LiveType } from '#shared/features.ts'
import type { Api } from '../api/api-client.ts'
import { useMutation, type MutationOptions } from '../api/mutation.ts'

/** Fetches a list again when events tell of such things, and when events may have been missed. */
export function useRefreshOn(
  types: readonly LiveType[], refresh: () => unknown,
  { atOnce = false }: { /** Not gathered: for what few people look at. */ atOnce?: boolean } = {},
): void {
  const refreshSoon = useGatheredRefresh(refresh)
  onLiveEvent('changed', ({ type }) => {
    if (!types.includes(type)) return
    if (atOnce) void refresh()
    else refreshSoon()
  })
  onLiveEvent('resync', () => void refresh())
}

/** The keys of a list page: N adds one, / goes to the search. */
export function useListShortcuts(
  { add, search }: { add?: () => unknown, search?: Readonly<Ref<{ focus(): void } | null>> },
): void {
  defineShortcuts({
    'n': () => add?.(),
    '/': () => search?.value?.focus(),
  })
}

export interface RowMenu<Row> {
  anchor: Readonly<ShallowRef<HTMLElement | null>>
  items: Readonly<Ref<DropdownMenuItem[][]>>
  open: Readonly<Ref<boolean>>
  /** Opens it for this row, at the button that was pressed. */
  show(row: Row, event: Event): void
  close(): void
}

/** One menu for all rows of a table: a component in each would cost more than the rest of its row. */
export function useRowMenu<Row>(itemsOf: (row: Row) => DropdownMenuItem[][]): RowMenu<Row> {
  const anchor = shallowRef<HTMLElement | null>(null)
  const pressed = shallowRef<Row | null>(null)
  const open = ref(false)
  return {
    anchor,
    open,
    items: computed(() => pressed.value ? itemsOf(pressed.value) : []),
    show(row, { currentTarget }) {
      pressed.value = row
      anchor.value = currentTarget as HTMLElement
      open.value = true
    },
    close: () => void (open.value = false),
  }
}

export interface Confirmation<Item> {
  /** What is asked about. */
  chosen: Readonly<ShallowRef<Item | null>>
  open: Readonly<Ref<boolean>>
  change: Pick<ReturnType<typeof useMutation<unknown, Item>>, 'state' | 'problem' | 'busy' | 'retry'>
  ask(item: Item): void
  confirm(): void
  close(): void
}

/** A change that is asked about first (`ConfirmChange`). The question is closed when it is done. */
export function useConfirmation<Item, Result>(
  send: (api: Api, item: Item) => Promise<Result>, options: MutationOptions<Result> = {},
): Confirmation<Item> {
  const chosen = shallowRef<Item | null>(null)
  const open = ref(false)
  const change = useMutation(send, {
    ...options,
    onDone(result) {
      open.value = false
      return options.onDone?.(result)
    },
  })
  return {
    chosen, open, change,
    ask(item) {
      chosen.value = item
      change.reset()
      open.value = true
    },
    confirm: () => void change.mutate(chosen.value as Item),
    close: () => void (open.value = false),
  }
}
