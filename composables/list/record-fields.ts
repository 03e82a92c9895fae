/** A field of `RecordDialog`. */
export interface RecordField<Input extends object> {
  name: keyof Input & string
  label: string
  /** `text` unless it says otherwise; with `choices` it is chosen from them. */
  kind?: 'text' | 'lines' | 'number'
  choices?: readonly string[]
  required?: true
  /** What stands in it when one is added. */
  initial?: string | number
  /** Two such fields share a line. */
  half?: true
}
