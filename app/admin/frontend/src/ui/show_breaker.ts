// Leads to a breaker's tile or row from elsewhere on the page.

import { filterText, shownState } from "../page"
import { read } from "../store"

/** Brings the breaker into view and focus; a filter that hides it is let go. */
export function showBreaker(name: string): void {
  const state = read().breakers.get(name)?.state
  if (shownState.value !== "all" && shownState.value !== state) shownState.value = "all"
  if (!name.toLowerCase().includes(filterText.value.trim().toLowerCase())) filterText.value = ""
  requestAnimationFrame(() => requestAnimationFrame(() => focusOn(name))) // when it is drawn
}

function focusOn(name: string): void {
  const own = document.querySelector<HTMLElement>(`[data-breaker="${CSS.escape(name)}"]`)
  if (!own) return
  own.tabIndex = -1
  own.scrollIntoView({ block: "center" })
  own.focus({ preventScroll: true })
}
