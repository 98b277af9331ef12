import assert from "node:assert/strict"
import { test } from "node:test"
import { bounded, type Entry, type Fold, folded, foldDetail } from "../src/fold"
import type { GatewayEvent } from "../src/protocol"

let id = 0
const event = (kind: string, subject: string, at: number, detail = ""): GatewayEvent => ({ id: ++id, at, kind, subject, detail })
const opened = (subject: string, atS: number, detail = "probe failed: status_503") =>
  event("breaker_opened", subject, atS * 1000, detail)
const half = (subject: string, atS: number) => event("breaker_half_opened", subject, atS * 1000)

/** A dead upstream: opened once, then again after each failed probe. */
function dead(subject: string, times: number, fromS = 0): GatewayEvent[] {
  const found = [opened(subject, fromS, "consecutive failures: upstream_connect")]
  for (let i = 1; i <= times; i++) found.push(half(subject, fromS + i * 15 - 1), opened(subject, fromS + i * 15))
  return found
}

const brief = (entries: Entry[]) =>
  entries.map((one) => (one.kind === "fold" ? `${one.breaker} × ${one.times}` : `${one.event.kind} ${one.event.subject}`))
const folds = (entries: Entry[]) => entries.filter((one): one is Fold => one.kind === "fold")

test("what opened again and again is one line, the first opening stands by itself", () => {
  const [fold] = folds(folded(dead("orders", 12)))
  assert.deepEqual(brief(folded(dead("orders", 12))), ["orders × 12", "breaker_opened orders"])
  assert.deepEqual([fold!.firstMs, fold!.lastMs, fold!.failedProbes, fold!.events.length], [15_000, 180_000, 12, 24])
  assert.equal(fold!.events[0]!.at, 180_000, "newest first")
})

test("once more is not folded", () => {
  assert.equal(folds(folded(dead("orders", 1))).length, 0)
  assert.equal(folds(folded(dead("orders", 2))).length, 1)
})

test("an edit between the openings does not drown, and those of others are folded apart", () => {
  const events = [
    ...dead("a", 20),
    event("config_applied", "gateway.yaml", 301_000),
    ...dead("b", 20),
  ].sort((one, other) => one.at - other.at)
  assert.deepEqual(brief(folded(events)), [
    "config_applied gateway.yaml",
    "b × 20",
    "a × 20",
    "breaker_opened b",
    "breaker_opened a",
  ])
})

test("that it closed in the end stays in sight; a probe under way does not", () => {
  const closed = [...dead("orders", 4), half("orders", 74), event("breaker_closed", "orders", 74_100)]
  assert.deepEqual(brief(folded(closed)), ["breaker_closed orders", "orders × 4", "breaker_opened orders"])
  assert.deepEqual(brief(folded([...dead("orders", 4), half("orders", 74)])), ["orders × 4", "breaker_opened orders"])
})

test("one that closes and opens is folded, too, and says how often it had closed", () => {
  const events = [0, 20, 40, 60, 80].flatMap((s) => [
    opened("orders", s, "consecutive failures: status_503"),
    half("orders", s + 10),
    event("breaker_closed", "orders", s * 1000 + 11_000),
  ])
  const [fold] = folds(folded(events))
  assert.deepEqual(brief(folded(events)), ["breaker_closed orders", "orders × 4", "breaker_opened orders"])
  assert.match(foldDetail(fold!, 90_000), /it had closed in between each time$/)
})

test("a drill, a test and ten calm minutes end the story", () => {
  const drilled = [...dead("a", 3), event("override_started", "a", 50_000), ...dead("a", 3, 60)]
  assert.equal(folds(folded(drilled)).length, 2)
  assert.equal(folds(folded([...dead("a", 3), ...dead("a", 3, 46 + 601)])).length, 2)
})

test("a fold keeps its identity while it grows", () => {
  const events = dead("orders", 9)
  assert.equal(folds(folded(events))[0]!.id, folds(folded(events.slice(0, -4)))[0]!.id)
})

test("its line says since when, and what happened in between", () => {
  const [fold] = folds(folded(dead("orders", 12)))
  assert.match(foldDetail(fold!, 200_000), /^since .*\d\d:\d\d:15; each time a probe failed$/)
  assert.match(foldDetail({ ...fold!, failedProbes: 1 }, 200_000), /1 probe failed, 11 times it had closed in between$/)
})

test("other events are left as they are, newest first", () => {
  const events = [event("gateway_started", "1", 1), event("config_applied", "f", 2)]
  assert.deepEqual(brief(folded(events)), ["config_applied f", "gateway_started 1"])
  assert.deepEqual(folded([]), [])
})

test("so many moves of breakers and so many others are kept, the newest of each", () => {
  const events = [event("config_applied", "f", 1), ...dead("a", 10), event("config_applied", "f", 2)]
  const kept = bounded(events, 5)
  assert.deepEqual(kept.map((one) => one.kind).filter((kind) => kind === "config_applied").length, 2)
  assert.deepEqual(kept.map((one) => one.id), [events[0]!, ...events.slice(-6)].map((one) => one.id))
  assert.equal(bounded(events, 50), events)
})
