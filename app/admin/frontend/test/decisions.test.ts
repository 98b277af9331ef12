import assert from "node:assert/strict"
import { test } from "node:test"
import { attemptSpan, concerning, decisionOutcome, listed, MOST_ROWS, reach, took, wentTo } from "../src/decisions"
import { ANY_DECISION, decisionsField } from "../src/page_url"
import type { Decision, DecisionsReply, Problem } from "../src/protocol"

const plain = (text: string) => text.replaceAll("\u00a0", " ")
const decision = (requestId: string, more: Partial<Decision> = {}) =>
  ({ requestId, status: 200, reason: "", error: "", attempts: [], durationMs: 10, ...more }) as unknown as Decision
const reply = (ids: string[], more: Partial<DecisionsReply> = {}) =>
  ({
    decisions: ids.map((id) => decision(id)),
    mark: "1-2",
    kept: 5,
    oldest: 7,
    omitted: 0,
    overwritten: 0,
    restarted: false,
    ...more,
  }) as DecisionsReply
const ids = (rows: { decision: Decision }[]) => rows.map((row) => row.decision.requestId)

test("what comes stands before what was there, and a gap is known", () => {
  const first = listed(null, reply(["2", "1"], { omitted: 9 }))
  assert.deepEqual(first.rows.map((row) => row.gap), [0, 0])
  const next = listed(first, reply(["9", "8"], { omitted: 3, overwritten: 2 }))
  assert.deepEqual(ids(next.rows), ["9", "8", "2", "1"])
  assert.deepEqual(next.rows.map((row) => row.gap), [0, 5, 0, 0])
})

test("a list stays short, and a restarted gateway begins another one", () => {
  const many = listed(null, reply(Array.from({ length: MOST_ROWS }, (_, i) => `${i}`)))
  assert.equal(listed(many, reply(["new"])).rows.length, MOST_ROWS)
  assert.deepEqual(ids(listed(many, reply(["new"], { restarted: true })).rows), ["new"])
})

test("how it ended has the word and colour of the chart", () => {
  assert.equal(decisionOutcome(decision("1", { status: 404 })).label, "passed")
  assert.equal(decisionOutcome(decision("1", { status: 503 })).label, "upstream error")
  assert.equal(decisionOutcome(decision("1", { status: 429, reason: "rate_limited" })).label, "rate limited")
  assert.equal(decisionOutcome(decision("1", { status: 0 })).label, "client gone")
  assert.equal(decisionOutcome(decision("1", { error: "client_gone" })).label, "client gone")
})

test("a call of gRPC ended as it says itself", () => {
  const call = (status: number, grpcStatus: string, reason = "") =>
    decisionOutcome(decision("1", { status, grpcStatus, reason }))
  assert.deepEqual([call(503, "UNAVAILABLE").label, call(503, "UNAVAILABLE").isBad], ["UNAVAILABLE", true])
  assert.deepEqual([call(404, "NOT_FOUND").label, call(404, "NOT_FOUND").isBad], ["NOT_FOUND", false])
  assert.equal(call(200, "OK").label, "passed")
  assert.equal(call(429, "RESOURCE_EXHAUSTED", "rate_limited").label, "rate limited")
})

test("times and places are short", () => {
  assert.deepEqual([0.04, 9.94, 48.2, 1300].map((ms) => plain(took(ms))), ["< 0.1 ms", "9.9 ms", "48 ms", "1.3 s"])
  const one = { endpoint: "10.0.0.5:80", outcome: "status_200", headMs: 2, endMs: 4 }
  assert.equal(wentTo(decision("1")), "")
  assert.equal(wentTo(decision("1", { attempts: [one] })), "10.0.0.5:80")
  assert.equal(wentTo(decision("1", { attempts: [one, one] })), "10.0.0.5:80 · 2 attempts")
  assert.equal(wentTo(decision("1", { attempts: [one, { ...one, endpoint: null }] })), "· 2 attempts")
})

test("an attempt lies on the line of the request's time", () => {
  const attempts = [
    { endpoint: "a", outcome: "upstream_connect", headMs: null, endMs: 2 },
    { endpoint: "b", outcome: "status_200", headMs: 6, endMs: 8 },
  ]
  assert.deepEqual(attemptSpan(decision("1", { attempts }), 0), { from: 0, head: 0.2, to: 0.2 })
  assert.deepEqual(attemptSpan(decision("1", { attempts }), 1), { from: 0.2, head: 0.6, to: 0.8 })
})

test("a problem leads to the requests that show it", () => {
  const of = (kind: string, subject = "orders") => concerning({ kind, subject } as Problem)
  assert.deepEqual(of("limit", "shop/keys/per-client"), { reason: "rate_limited", policy: "shop/keys" })
  assert.deepEqual(of("limit", "odd"), { reason: "rate_limited", policy: "" })
  assert.deepEqual([of("breaker"), of("errors"), of("slow")], Array(3).fill({ breaker: "orders" }))
  assert.deepEqual(of("errors", ""), {})
  assert.deepEqual([of("overload"), of("store")], [{ reason: "overloaded" }, { reason: "limit_store_down" }])
  assert.equal(of("draining"), null)
})

test("what is kept is said with its reach", () => {
  assert.equal(reach(0, null), "Nothing was decided yet.")
  assert.match(reach(1, 0), /^The last 1 decision, since \d\d:\d\d:\d\d: every/)
  assert.match(reach(10_000, 0), /^The last 10,000 decisions, since/)
})

test("which decisions are shown stands in the address", () => {
  const field = decisionsField()
  assert.equal(field.write(null), "")
  assert.equal(field.write(ANY_DECISION), "all")
  const chosen = { ...ANY_DECISION, reason: "rate_limited", breaker: "cache@orders" }
  assert.equal(field.write(chosen), "reason:rate_limited,breaker:cache@orders")
  for (const one of [ANY_DECISION, chosen]) assert.deepEqual(field.read(field.write(one)), one)
  for (const odd of ["", "x", "odd:1", "reason:", "reason:a,,", `route:${"x".repeat(201)}`]) {
    assert.equal(field.read(odd), undefined)
  }
})
