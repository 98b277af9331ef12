// What the viewer has chosen on the page.

import { Cell } from "./cell"
import { ANY_DECISION, type DecisionFilter, decisionsField, freeText, oneOf, type Selection, selectionField } from "./page_url"
import type { Breaker, State } from "./protocol"
import { ROUTE_ORDERS, type RouteOrder } from "./route_rows"
import { share } from "./shared_url"

export type { DecisionFilter, Selection } from "./page_url"

const SORTS = ["broken", "name", "requests", "errors", "p99"] as const
const STATES = ["all", "open", "half_open", "closed"] as const
export type Sort = (typeof SORTS)[number]
export type Shown = (typeof STATES)[number]

export const filterText = new Cell("")
export const shownState = new Cell<Shown>("all")
export const sortBy = new Cell<Sort>("broken")

/** Of the table of routes. */
export const routeOrder = new Cell<RouteOrder>("lost")

export const selection = new Cell<Selection | null>(null)
share("find", filterText, freeText())
share("state", shownState, oneOf(STATES, "all"))
share("order", sortBy, oneOf(SORTS, "broken"))
share("routes", routeOrder, oneOf(ROUTE_ORDERS, "lost"))
share("selected", selection, selectionField())

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

const RANK: Record<State, number> = { open: 0, half_open: 1, closed: 2 }

/** Broken ones first: what failed before what a drill holds. */
export function byNeed(a: Breaker, b: Breaker): number {
  return RANK[a.state] - RANK[b.state] || (a.state === "closed" ? held(b) - held(a) : held(a) - held(b))
}

function held({ override }: Breaker): number {
  return override ? 1 : 0
}

/** Names of the breakers to show, in their order. */
export function ordered(breakers: ReadonlyMap<string, Breaker>, text: string, state: Shown, sort: Sort): string[] {
  const wanted = text.trim().toLowerCase()
  const found = [...breakers.values()].filter(
    (one) => (state === "all" || one.state === state) && one.name.toLowerCase().includes(wanted),
  )
  const byName = (a: Breaker, b: Breaker) => (a.name < b.name ? -1 : 1)
  const most = (of: (one: Breaker) => number | null) => (a: Breaker, b: Breaker) => (of(b) ?? -1) - (of(a) ?? -1)
  const first = {
    broken: byNeed,
    name: byName,
    requests: most((one) => one.rps),
    errors: most((one) => one.errorShare),
    p99: most((one) => one.p99Ms),
  }[sort]
  return found.sort((a, b) => first(a, b) || byName(a, b)).map((one) => one.name)
}
