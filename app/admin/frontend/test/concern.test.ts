import assert from "node:assert/strict"
import { test } from "node:test"
import { concern, lostPerS, timeoutMs, timeoutsMs } from "../src/concern"
import type { Breaker, Route } from "../src/protocol"
import { breaker } from "./breakers"

const route = (timeoutS: number, ...names: string[]) =>
  ({ timeoutS, upstreams: names.map((name) => ({ name, weight: 1, breaker: name })) }) as Route

test("lost is what the breaker rejected and what failed", () => {
  assert.equal(lostPerS(breaker("a", { rps: 20, errorShare: 0.1, refusedPerS: 3 })), 5)
  assert.equal(lostPerS(breaker("a", { rps: 0, errorShare: null })), 0)
})

test("of several routes the shortest timeout counts, and none does not", () => {
  const found = timeoutsMs([route(30, "a", "b"), route(5, "a"), route(0, "c")])
  assert.deepEqual([...found], [["a", 5_000], ["b", 30_000]])
})

test("a timeout is looked up in the routes that are there now", () => {
  const before = new Map([["r", route(30, "a")]])
  const after = new Map([["r", route(2, "a")]])
  assert.deepEqual([timeoutMs(before, "a"), timeoutMs(before, "b"), timeoutMs(after, "a")], [30_000, undefined, 2_000])
})

const RATED = { settings: { value: { failureRate: { percent: 40 }, slowCalls: { percent: 60, threshold: "800ms" } } } }
const seen = (requests: number, failures: number, slow: number) =>
  ({ ...RATED, window: { periodS: 10, requests, failures, slow, minimum: 20 } }) as Partial<Breaker>

for (const [what, more, wanted] of [
  ["a healthy one", { rps: 50, errorShare: 0.009, p99Ms: 400 }, null],
  ["one without traffic", {}, null],
  ["an open one", { state: "open" }, "open"],
  ["a half-open one", { state: "half_open" }, "half_open"],
  ["a forced one, also forced closed", { override: {} as Breaker["override"] }, "forced"],
  ["one that fails", { rps: 50, errorShare: 0.01 }, "failing"],
  ["one with a single failure", { rps: 0.1, errorShare: 1 }, null],
  ["one with two failures", { rps: 0.2, errorShare: 1 }, "failing"],
  ["one whose p99 is over half the timeout", { rps: 1, p99Ms: 501 }, "slow"],
  ["one whose p99 is half the timeout", { rps: 1, p99Ms: 500 }, "slow"],
  ["one with few slow requests", { rps: 0.9, p99Ms: 501 }, null],
  ["one with failures near its rate", seen(20, 6, 0), "near"],
  ["one with slow calls near their share", seen(20, 0, 9), "near"],
  ["one with slow calls far from their share", seen(20, 0, 8), null],
  ["one with too few requests to be judged", seen(19, 19, 0), null],
] as [string, Partial<Breaker>, string | null][]) {
  test(`${what} is ${wanted ? "a concern" : "none"}`, () => assert.equal(concern(breaker("a", more), 1_000), wanted))
}

test("what the histogram tells no longer apart is slow, however long the timeout", () => {
  const slowest = breaker("a", { rps: 9, p99Ms: 10_000 })
  assert.equal(concern(slowest, 30_000), "slow")
  assert.equal(concern(breaker("a", { rps: 9, p99Ms: 9_999 }), 30_000), null)
  assert.equal(concern(breaker("a", { rps: 9, p99Ms: 5_000 }), 30_000, 0.5), "slow")
})

test("it takes less to stay a concern than to become one, and without a timeout none is slow", () => {
  const mild = breaker("a", { rps: 50, errorShare: 0.007, p99Ms: 400 })
  assert.equal(concern(mild, 1_000), null)
  assert.equal(concern(mild, 1_000, 0.6), "failing")
  assert.equal(concern(breaker("a", { rps: 9, p99Ms: 90_000 }), undefined), null)
})
