// Which routes the table shows, and in which order: the worst first. Pure.

import type { Route } from "./protocol"

export const ROUTE_FIGURES = ["lost", "rps", "errors", "rejected", "p50", "p99", "total"] as const
export type RouteFigure = (typeof ROUTE_FIGURES)[number]
export type RouteKey = RouteFigure | "name"
export const ROUTE_ORDERS = [...ROUTE_FIGURES, "name"].flatMap((key) => [key, `${key}-reversed`]) as RouteOrder[]
/** By figures the most first, by name from A; `-reversed` turns it. */
export type RouteOrder = RouteKey | `${RouteKey}-reversed`

export const FIGURE_LABEL: Record<RouteKey, string> = {
  name: "Route",
  lost: "Lost/s",
  rps: "Req/s",
  errors: "Errors",
  rejected: "Rejected",
  p50: "p50",
  p99: "p99",
  total: "Total",
}

/** Requests a second that failed or were rejected: the two shares have no request in common. */
export function lostPerS(route: Route): number {
  return route.rps * ((route.errorShare ?? 0) + (route.refusedShare ?? 0))
}

const FIGURE: Record<RouteFigure, (route: Route) => number> = {
  lost: lostPerS,
  rps: (route) => route.rps,
  errors: (route) => route.errorShare ?? -1,
  rejected: (route) => route.refusedShare ?? -1,
  p50: (route) => route.p50Ms ?? -1,
  p99: (route) => route.p99Ms ?? -1,
  total: (route) => route.total,
}

/** Names of the routes to show, in their order. `text`: part of a name, of what it matches, or of an upstream. */
export function orderedRoutes(routes: Iterable<Route>, text: string, order: RouteOrder): string[] {
  const wanted = text.trim().toLowerCase()
  const found = [...routes].filter((route) => words(route).some((one) => one.toLowerCase().includes(wanted)))
  const [key, turned] = order.split("-") as [RouteKey, string?]
  const byName = (a: Route, b: Route) => (a.name < b.name ? -1 : 1)
  const first = key === "name" ? byName : (a: Route, b: Route) => FIGURE[key](b) - FIGURE[key](a) || FIGURE.rps(b) - FIGURE.rps(a)
  found.sort((a, b) => (turned ? -first(a, b) : first(a, b)) || byName(a, b))
  return found.map((route) => route.name)
}

/** The order after a click on a column's head. */
export function turned(order: RouteOrder, key: RouteKey): RouteOrder {
  return order === key ? `${key}-reversed` : key
}

function words({ name, match, upstreams }: Route): string[] {
  return [name, match, ...upstreams.map((one) => one.breaker)]
}
