import assert from "node:assert/strict"
import { test } from "node:test"
import { freeze, nowMs } from "../src/clock"
import { brief, detail, headline, leadText, nameOf, sentence, tone } from "../src/problems"
import type { Breaker, Edit, Problem } from "../src/protocol"
import { iconOf, signOf, titleOf } from "../src/sign"

freeze() // what has passed is told from one moment on
const plain = (text: string) => text.replaceAll("\u00a0", " ").replace(/\d+ [A-Z][a-z]{2} /, "").replace(/\d\d:\d\d:\d\d/, "TIME")
const since = nowMs() - 23_000
const all = { subject: "", lostPerS: 0, share: 0, since, edit: null }
const limit: Problem = {
  ...all,
  kind: "limit",
  subject: "defaults/per-client",
  lostPerS: 6.7,
  share: 0.67,
  rule: "per-client",
  key: "Client",
  requests: 18,
  periodS: 60,
  ownShare: 0.67,
}
const cut: Problem = { ...limit, edit: { sequence: 8, at: since } }
const down: Problem = {
  ...all,
  kind: "breaker",
  subject: "orders",
  lostPerS: 0.7,
  state: "open",
  failedProbes: 2,
  reason: "consecutive_failures",
  error: "upstream_connect",
  forced: null,
}
const drill: Problem = { ...down, failedProbes: 0, reason: "override", error: null, forced: { by: "Ada", why: "game day" } }
const failing: Problem = { ...all, kind: "errors", subject: "payments", lostPerS: 3.8, share: 0.1, ownShare: 0.38 }
const rejected: Problem = { ...all, kind: "config_rejected", subject: "gateway.yaml", fault: "line 3: no", faults: 3 }

test("a limit says how much of all requests it rejects, and which edit began it", () => {
  assert.equal(plain(sentence(limit)), "67 % of requests rejected by limit per-client (18 a minute), since TIME")
  assert.equal(plain(sentence(cut)), "67 % of requests rejected by limit per-client (18 a minute), since the edit at TIME")
  const part: Problem = { ...limit, share: 0.02, ownShare: 0.9, requests: 5, periodS: 10 }
  assert.equal(plain(sentence(part)), "90 % of its requests rejected by limit per-client (5 in 10 s), since TIME")
})

test("the edit that cut a limit is told with what it changed", () => {
  const change = { target: "Gateway", source: "file", policy: "defaults", generation: null }
  const requests = { ...change, stanza: "rateLimit", field: "rules.per-client.requests", old: 1800, new: 18 }
  const other = { ...change, stanza: "circuitBreaker", field: "consecutiveFailures", old: 3, new: 30 }
  const edits = [{ sequence: 8, at: since, changes: [requests, other] }] as unknown as Edit[]
  assert.equal(plain(detail(cut, undefined, edits)), "requests 1800 → 18 · 6.7 requests lost per second")
  assert.equal(plain(detail(limit, undefined, edits)), "6.7 requests lost per second")
})

test("a breaker says since when it is down, not since when it is open", () => {
  assert.equal(plain(sentence(down)), "orders down for 23 s (since TIME), 2 probes failed")
  const breaker = { state: "open", override: null, openUntil: null } as Breaker
  assert.equal(
    plain(detail(down, breaker, [])),
    "Opened: too many failures in a row (upstream connect); probes with the next request · 0.7 requests lost per second",
  )
  assert.equal(plain(detail({ ...down, lostPerS: 0 }, undefined, [])), "Opened: too many failures in a row (upstream connect)")
})

test("where many breakers are down the headline says how many, and which loses most", () => {
  const one = (state: string, override: object | null = null) => ({ state, override }) as Breaker
  const breakers = new Map([
    ["orders", one("open")],
    ["search", one("half_open")],
    ["users", one("closed")],
    ["mail", one("open", { by: "Ada" })],
  ])
  assert.equal(headline(down, breakers), sentence(down))
  breakers.set("users", one("open"))
  const said = "3 of 4 breakers down; orders loses most, down for 23 s (since TIME), 2 probes failed"
  assert.equal(plain(headline(down, breakers)), said)
  assert.match(headline({ ...down, lostPerS: 0 }, breakers), /^3 of 4 breakers down; orders, down for/)
  assert.equal(headline(limit, breakers), sentence(limit))
})

test("a drill is no outage", () => {
  assert.equal(plain(sentence(drill)), "orders held open for 23 s (since TIME)")
  assert.equal(detail({ ...drill, lostPerS: 0 }, undefined, []), "Drill by Ada, game day")
  assert.deepEqual([tone(drill), nameOf(drill)], ["drilled", "orders held open"])
})

test("errors are told of their upstream, also where no breaker counts them", () => {
  assert.equal(plain(sentence(failing)), "38 % of requests to payments fail, since TIME")
  assert.equal(plain(sentence({ ...failing, subject: "", ownShare: 0.04 })), "4 % of requests fail, since TIME")
  assert.equal(detail({ ...failing, subject: "", lostPerS: 0 }, undefined, []), "No breaker counts them: see failureOn")
  const breaker = { state: "closed", override: null, threshold: null, lastError: { reason: "status_500" } } as Breaker
  const said = detail({ ...failing, lostPerS: 0 }, breaker, [])
  assert.equal(said, "Last error HTTP 500; its breaker is closed and judged by rates only")
})

test("slowness names what it comes near to", () => {
  const late: Problem = { ...all, kind: "slow", subject: "search", p99Ms: 4750, timeoutS: 6 }
  assert.equal(plain(sentence(late)), "search is slow: p99 4.75 s, requests time out after 6 s, since TIME")
  const calls: Problem = { ...all, kind: "slow", subject: "search", p99Ms: null, ownShare: 0.32, opensAt: 0.4 }
  assert.equal(plain(sentence(calls)), "search is slow: 32 % slow calls, the breaker opens at 40 %, since TIME")
  assert.equal(plain(detail(late, { p50Ms: 80 } as Breaker, [])), "p50 80 ms")
  assert.deepEqual([tone(late), nameOf(late)], ["warn", "search slow"])
})

test("a rejected configuration names its fault", () => {
  assert.equal(plain(sentence(rejected)), "Configuration rejected since TIME: the one before stays in force")
  const file = { ...rejected, subject: "/etc/gateway.yaml", fault: "/etc/gateway.yaml:3: no", faults: 1 }
  assert.equal(detail(rejected, undefined, []), "gateway.yaml: line 3: no and 2 more")
  assert.equal(detail(file, undefined, []), "gateway.yaml:3: no")
  assert.match(brief(rejected), /\(gateway.yaml: line 3: no\)$/)
})

test("the gateway's own troubles say what they cost", () => {
  assert.equal(plain(sentence({ ...all, kind: "overload", lostPerS: 12, share: 0.12 })), "Overloaded since TIME, 12 % of requests lost")
  assert.equal(plain(sentence({ ...all, kind: "store" })), "Limit store unavailable since TIME")
  assert.equal(plain(sentence({ ...all, kind: "not_ready", share: null })), "Waiting for the first configuration since TIME")
  assert.equal(nameOf({ ...all, kind: "draining" }), "draining")
  assert.deepEqual([tone({ ...all, kind: "store" }), tone({ ...all, kind: "overload", lostPerS: 1 })], ["warn", "bad"])
})

test("a link says where it leads", () => {
  const own = (["overload", "store", "draining"] as const).map((kind) => leadText({ ...all, kind }))
  assert.deepEqual(own, ["Show the traffic", "Show the limits", "Show the events"])
  const led = [limit, down, failing, { ...failing, subject: "" }, rejected].map(leadText)
  const wanted = ["Show limit per-client", "Show orders", "Show payments", "Show the routes", "Show the events"]
  assert.deepEqual(led, wanted)
})

test("the tab's title says how much is wrong, and the worst of it", () => {
  assert.equal(titleOf("bad", 2, limit, "gw-1"), "✖ 2 problems · limit per-client — gw-1 — Tidegate")
  assert.equal(titleOf("bad", 1, down, undefined), "✖ orders down — Tidegate")
  assert.equal(titleOf("well", 0, undefined, undefined), "✔ All well — Tidegate")
  assert.equal(titleOf("lost", 2, limit, undefined), "⚠ Not live — Tidegate")
  assert.equal(titleOf("unknown", 0, undefined, undefined), "Tidegate monitor")
})

test("the tab's sign follows the feed, then the worst problem", () => {
  assert.equal(signOf("lost", true, [limit]), "lost")
  assert.equal(signOf("connecting", false, []), "unknown")
  assert.equal(signOf("live", true, []), "well")
  assert.equal(signOf("live", true, [drill, limit]), "drilled")
  const icons = (["bad", "warn", "drilled", "well", "lost"] as const).map(iconOf)
  assert.equal(new Set(icons).size, 5)
  assert.ok(icons.every((one) => one?.startsWith("data:image/svg+xml,")))
  assert.equal(iconOf("unknown"), null)
})
