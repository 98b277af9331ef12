import assert from "node:assert/strict"
import { test } from "node:test"
import type { Shadow } from "../src/protocol"
import { period, reasons, settingLines, total } from "../src/shadows"

const shadow: Shadow = {
  policy: "trial",
  source: "file",
  targets: ["Gateway"],
  since: null,
  rejected: { breaker_open: 11, rate_limited: 700 },
  opened: 3,
  rateLimit: { rules: [{ name: "per-client", key: "Client", requests: 18, period: "1m" }] },
  circuitBreaker: { consecutiveFailures: 3, openDuration: "10s", halfOpenRequests: 1 },
  enforce: { where: "gateway.yaml", text: "" },
}

test("what it would have rejected, and why", () => {
  assert.equal(total(shadow), 711)
  assert.equal(reasons(shadow), "rate limited 700, breaker open 11")
  assert.equal(reasons({ ...shadow, rejected: { rate_limited: 3 } }), "")
})

test("in ten minutes, or since its settings are in force", () => {
  assert.equal(period(shadow, 0), "in 10 minutes")
  const at = new Date(2026, 10, 27, 3, 40, 5).getTime()
  assert.equal(period({ ...shadow, since: at }, at + 60_000), "since 03:40:05")
})

test("what it would do is a line for each rule and one for the breaker", () => {
  assert.deepEqual(settingLines(shadow), ["limit per-client: 18 per 1m per client", "breaker: 3 in a row · open 10s · 1 probe"])
  assert.deepEqual(settingLines({ ...shadow, rateLimit: null, circuitBreaker: null }), [])
})
