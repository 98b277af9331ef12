// Cells whose values stand in the page's address (page_url.ts): read from it once, written to it as they change.

import { Cell } from "./cell"
import { parameter, type UrlField, withParameters } from "./page_url"

/** What the address holds that is ignored, each as a sentence for people. */
export const ignoredInUrl = new Cell<readonly string[]>([])

const WRITE_AFTER_MS = 300 // browsers allow a hundred changes in some seconds
const opened = globalThis.location?.search ?? "" // tests of pure parts have no page
const written = new Map<string, () => string>()
let timer = 0

/** Keeps `cell` in the address under `name`; what the address says now becomes its value. */
export function share<T>(name: string, cell: Cell<T>, field: UrlField<T>): void {
  const text = parameter(opened, name)
  if (text !== undefined) {
    const value = field.read(text)
    if (value === undefined) ignore(`${name}=${text.slice(0, 60)} (it takes ${field.expected})`)
    else cell.value = value
  }
  written.set(name, () => field.write(cell.value))
  cell.subscribe(() => {
    clearTimeout(timer)
    timer = window.setTimeout(write, WRITE_AFTER_MS)
  })
}

/** Says that a part of the address is of no use here. */
export function ignore(what: string): void {
  ignoredInUrl.value = [...ignoredInUrl.value, what]
}

function write(): void {
  const texts = new Map([...written].map(([name, text]) => [name, text()]))
  const { pathname, search, hash } = location
  const next = withParameters(search, texts)
  if (next !== search) history.replaceState(history.state, "", `${pathname}${next}${hash}`)
}
