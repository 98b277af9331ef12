import assert from "node:assert/strict"
import { test } from "node:test"
import { sums } from "../src/outcomes"

test("what a breaker rejects has failed as well, what a limit or a missing key rejects has not", () => {
  assert.deepEqual(sums({ ok: 10, client_gone: 1, breaker_open: 2, rate_limited: 3, key_missing: 4 }), { failed: 2, rejected: 9 })
})

test("upstream errors and our own have failed and were not rejected", () => {
  assert.deepEqual(sums({ upstream_error: 1, upstream_timeout: 2, internal_error: 4 }), { failed: 7, rejected: 0 })
  assert.deepEqual(sums({ overloaded: 1, limit_store_down: 2 }), { failed: 3, rejected: 3 })
})
