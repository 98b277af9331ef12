// Leads to a part of the page from elsewhere on it.

import { filterText, shownState } from "../page"

/** Brings the first of these into view and the focus to it; what a filter hides is shown first. */
export function reveal(selectors: readonly string[]): void {
  if (document.querySelector(selectors[0]!)) return focusOn(selectors)
  filterText.value = ""
  shownState.value = "all"
  requestAnimationFrame(() => focusOn(selectors)) // when it is drawn
}

function focusOn(selectors: readonly string[]): void {
  const found = selectors.map((one) => document.querySelector<HTMLElement>(one)).find(Boolean)
  if (!found) return
  if (!found.matches("a, button, summary, [tabindex]")) found.tabIndex = -1
  found.scrollIntoView({ block: "center" })
  found.focus({ preventScroll: true })
}
