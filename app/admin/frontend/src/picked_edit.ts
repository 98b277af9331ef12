// The edit that the viewer looks at, by its configuration's number; it stands in the page's address.

import { Cell } from "./cell"
import { share } from "./shared_url"

export const pickedEdit = new Cell<number | null>(null)

share("edit", pickedEdit, {
  expected: "the number of a configuration",
  read: (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
  write: (sequence) => (sequence === null ? "" : String(sequence)),
})

/** Brings an edit's row in Changes into view, also one that is picked already. */
export function showEdit(sequence: number): void {
  pickedEdit.value = null
  pickedEdit.value = sequence
}
