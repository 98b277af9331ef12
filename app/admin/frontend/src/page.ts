// What the viewer has chosen on the page.

import { Cell } from "./cell"
import { ANY_DECISION, type DecisionFilter, decisionsField, freeText, oneOf, type Selection, selectionField } from "./page_url"
import { ROUTE_ORDERS, type RouteOrder } from "./route_rows"
import { share } from "./shared_url"

export type { DecisionFilter, Selection } from "./page_url"

const SORTS = ["lost", "name", "requests", "errors", "p99"] as const
const STATES = ["all", "open", "half_open", "closed"] as const
export type Sort = (typeof SORTS)[number]
export type Shown = (typeof STATES)[number]

export const filterText = new Cell("")
export const shownState = new Cell<Shown>("all")
export const sortBy = new Cell<Sort>("lost")

/** Of the table of routes. */
export const routeOrder = new Cell<RouteOrder>("lost")

export const selection = new Cell<Selection | null>(null)
share("find", filterText, freeText())
share("state", shownState, oneOf(STATES, "all"))
share("order", sortBy, oneOf(SORTS, "lost"))
share("routes", routeOrder, oneOf(ROUTE_ORDERS, "lost"))
share("selected", selection, selectionField())

/** Healthy breakers whose rows the viewer has opened into tiles. */
export const openedRows = new Cell<ReadonlySet<string>>(new Set())

export const testPanelOpen = new Cell(false)

/** null while the decisions were not asked for. */
export const decisionFilter = new Cell<DecisionFilter | null>(null)
share("decisions", decisionFilter, decisionsField())
/** Rises each time a part of the page leads to the decisions: they come into view then. */
export const inspections = new Cell(0)

/** Shows the last decisions that `wanted` means, from wherever on the page. */
export function inspect(wanted: Partial<DecisionFilter>): void {
  decisionFilter.value = { ...ANY_DECISION, ...wanted }
  inspections.value += 1
}

/** What the dialog is for; null while it is closed. */
export type DrillCommand = { kind: "start"; breaker: string | null } | { kind: "end"; breaker: string }
export const drillCommand = new Cell<DrillCommand | null>(null)
