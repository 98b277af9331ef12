import assert from "node:assert/strict"
import { test } from "node:test"
import { concernText, nearness, openedBy, rates } from "../src/judged"
import type { Breaker } from "../src/protocol"
import { breaker } from "./breakers"

const plain = (text: string) => text.replaceAll("\u00a0", " ")
const origin = { source: "file", policy: null, target: null }

function rated(value: Record<string, unknown>, counts: [number, number, number], more: Partial<Breaker> = {}): Breaker {
  const [requests, failures, slow] = counts
  const window = { periodS: 10, requests, failures, slow, minimum: 20 }
  return breaker("orders", { window, settings: { value, origin, losers: [] }, ...more })
}

const FAILING = { failureRate: { percent: 40, window: "10s", minimumRequests: 20 } }
const SLOW = { slowCalls: { percent: 60, threshold: "800ms" } }

test("a share is told with how many requests it is of and with what opens", () => {
  assert.deepEqual(rates(rated(FAILING, [34, 11, 0])).map(plain), ["32 % of 34 failing, opens at 40 %"])
  assert.deepEqual(rates(rated(SLOW, [20, 0, 14])).map(plain), ["70 % of 20 slower than 800 ms, opens at 60 %"])
  assert.equal(rates(rated({ ...FAILING, ...SLOW }, [20, 1, 2])).length, 2)
})

test("below the minimum it says from how many on it is judged", () => {
  assert.deepEqual(rates(rated(FAILING, [6, 6, 0])), ["the failure rate needs 20 requests, 6 so far"])
  assert.deepEqual(rates(rated(SLOW, [6, 0, 6])), ["the share of slow calls needs 20 requests, 6 so far"])
  assert.deepEqual(rates(rated({ ...FAILING, ...SLOW }, [0, 0, 0])), ["the rates need 20 requests, 0 so far"])
})

test("without a rate there is nothing to say", () => {
  const plainOne = rated({ consecutiveFailures: 3 }, [9, 9, 0])
  assert.deepEqual([rates(plainOne), nearness(plainOne)], [[], null])
})

const opening = (reason: string, requests = 0, failures = 0, slow = 0) => ({ reason, requests, failures, slow })

for (const [cause, more, wanted] of [
  [opening("consecutive_failures", 9, 5), { failuresInRow: 5 }, "5 failures in a row"],
  [opening("consecutive_failures", 9, 1), { failuresInRow: 1 }, "1 failure in a row"],
  [opening("failure_rate", 34, 15), {}, "44 % of 34 failed, opens at 40 %"],
  [opening("slow_calls", 20, 0, 14), {}, "70 % of 20 slower than 800 ms, opens at 60 %"],
  [opening("override"), {}, "a drill"],
  [opening("override_ended"), {}, "the end of a drill"],
  [null, {}, ""],
] as const) {
  test(`an open breaker tells what opened it: ${wanted || "nothing where it is closed"}`, () => {
    assert.equal(plain(openedBy(rated({ ...FAILING, ...SLOW }, [0, 0, 0], { ...more, opening: cause }))), wanted)
  })
}

test("what opened it is told without the setting that an edit has taken away since", () => {
  const edited = (cause: ReturnType<typeof opening>) => plain(openedBy(rated({}, [0, 0, 0], { opening: cause })))
  assert.equal(edited(opening("failure_rate", 34, 17)), "50 % of 34 failed")
  assert.equal(edited(opening("slow_calls", 20, 0, 14)), "70 % of 20 slower than allowed")
})

test("the nearest rate says how near it is", () => {
  assert.equal(nearness(rated({ ...FAILING, ...SLOW }, [20, 2, 9])), 0.75)
  assert.equal(nearness(rated(FAILING, [20, 20, 0])), 1)
  assert.equal(nearness(rated(FAILING, [19, 19, 0])), 0)
})

test("a closed breaker that is looked at says why", () => {
  const said = (more: Partial<Breaker>) => plain(concernText(breaker("a", more), 2_000))
  assert.equal(said({ rps: 10, errorShare: 0.042 }), "4.2 % of its requests fail")
  assert.equal(said({ rps: 5, p99Ms: 1_250 }), "p99 is 1.25 s, and its timeout 2 s")
  assert.equal(plain(concernText(rated(FAILING, [20, 7, 0]), 2_000)), "close to opening")
  assert.equal(said({}), "")
})
