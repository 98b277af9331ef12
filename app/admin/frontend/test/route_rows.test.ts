import assert from "node:assert/strict"
import { test } from "node:test"
import type { Route } from "../src/protocol"
import { lostPerS, orderedRoutes, ROUTE_ORDERS, turned } from "../src/route_rows"

const route = (name: string, rps: number, errorShare: number | null, refusedShare: number | null, p99Ms: number | null = null) =>
  ({ name, match: `/${name}`, upstreams: [{ name: "u", breaker: `${name}s`, weight: 1 }], rps, errorShare, refusedShare, p99Ms, total: 1 }) as unknown as Route
const routes = [
  route("idle", 0, null, null),
  route("busy", 50, 0, 0, 20),
  route("broken", 2, 1, 0, 5),
  route("limited", 30, 0.1, 0.8, 900),
]

test("the worst comes first: by requests lost, then by requests", () => {
  assert.deepEqual(orderedRoutes(routes, "", "lost"), ["limited", "broken", "busy", "idle"])
  assert.equal(lostPerS(routes[3]!).toFixed(3), "27.000")
})

test("any column orders, both ways", () => {
  assert.deepEqual(orderedRoutes(routes, "", "errors"), ["broken", "limited", "busy", "idle"])
  assert.deepEqual(orderedRoutes(routes, "", "p99"), ["limited", "busy", "broken", "idle"])
  assert.deepEqual(orderedRoutes(routes, "", "p99-reversed"), ["idle", "broken", "busy", "limited"])
  assert.deepEqual(orderedRoutes(routes, "", "name-reversed"), ["limited", "idle", "busy", "broken"])
  for (const order of ROUTE_ORDERS) assert.equal(orderedRoutes(routes, "", order).length, 4, order)
  assert.equal(turned("lost", "p99"), "p99")
  assert.equal(turned("p99", "p99"), "p99-reversed")
  assert.equal(turned("p99-reversed", "p99"), "p99")
})

test("a route is found by its name, what it matches, and its breakers", () => {
  assert.deepEqual(orderedRoutes(routes, " LIM", "lost"), ["limited"])
  assert.deepEqual(orderedRoutes(routes, "/bus", "lost"), ["busy"])
  assert.deepEqual(orderedRoutes(routes, "brokens", "lost"), ["broken"])
  assert.deepEqual(orderedRoutes(routes, "nothing", "lost"), [])
})
