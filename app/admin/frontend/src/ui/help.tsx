// The keys of the page, and how a view is shared. "?" opens it, "/" goes to the filter.

import { Cell, useCell } from "../cell"
import { useEffect, useRef } from "../hooks"

const helpOpen = new Cell(false)
const FILTER = "filter" // the id of the text field that "/" leads to

const KEYS: [string[], string][] = [
  [["/"], "Find breakers and routes by name"],
  [["?"], "This help"],
  [["Tab"], "From part to part; skip links lead to breakers, timeline and events"],
  [["←", "→"], "On the timeline or a chart: earlier, later"],
  [["+", "−"], "There, too: zoom in, zoom out (also Ctrl and wheel, or a pinch)"],
  [["Shift", "←", "→"], "There, too: point at an instant; every chart shows its values"],
  [["Home", "End"], "There, too: to the gateway’s start, to now"],
  [["Esc"], "Close a dialog"],
]

export function HelpButton() {
  const open = useCell(helpOpen)
  return (
    <button
      type="button"
      class="icon help-button"
      aria-label="Help: keys and sharing"
      aria-haspopup="dialog"
      aria-expanded={open}
      title="Keys and sharing (?)"
      onClick={() => (helpOpen.value = true)}
    >
      ?
    </button>
  )
}

export function HelpDialog() {
  const open = useCell(helpOpen)
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal()
    if (!open && dialog.current?.open) dialog.current.close()
  }, [open])
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (document.querySelector("dialog[open]")) return
      if (event.key === "?") helpOpen.value = true
      else if (event.key === "/") focusFilter()
      else return
      event.preventDefault()
    }
    addEventListener("keydown", pressed)
    return () => removeEventListener("keydown", pressed)
  }, [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby="help-title"
      onClose={() => (helpOpen.value = false)}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="form">
        <h2 id="help-title">Keys and sharing</h2>
        <dl class="keys">
          {KEYS.map(([names, does]) => (
            <div key={does}>
              <dt>
                {names.map((name) => (
                  <kbd key={name}>{name}</kbd>
                ))}
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <p class="form-lead">
          The address of this page holds the time shown, the selection and the filter: send it, and others see the same.
          A time that ends now moves on with theirs. “Export” saves what the charts show as CSV or JSON.
        </p>
        <div class="form-end">
          <button type="button" class="primary" onClick={() => (helpOpen.value = false)}>
            Close
          </button>
        </div>
      </div>
    </dialog>
  )
}

function focusFilter(): void {
  const field = document.getElementById(FILTER)
  field?.focus()
  if (field instanceof HTMLInputElement) field.select()
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]")
}
