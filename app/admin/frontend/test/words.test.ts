import assert from "node:assert/strict"
import { test } from "node:test"
import { freeze, nowMs } from "../src/clock"
import { closeText, downText } from "../src/words"

const plain = (text: string) => text.replaceAll("\u00a0", " ")

freeze() // what has passed is told from one moment on
const at = (ago: number, failedProbes = 0, override: object | null = null) =>
  plain(downText({ notClosedSince: nowMs() - ago, failedProbes, override } as Parameters<typeof downText>[0]))

test("a breaker tells since when it is down and how many probes failed meanwhile", () => {
  assert.match(at(23_000, 2), /^down for 23 s \(since (.* )?\d\d:\d\d:\d\d\), 2 probes failed$/)
  assert.match(at(75_000, 1), /^down for 1 min 15 s \(since .*\), 1 probe failed$/)
  assert.match(at(1_000), /^down for 1 s \(since [^)]*\)$/)
})

test("a breaker that a drill holds open is not down", () => {
  assert.match(at(5_000, 0, { state: "open" }), /^held open for 5 s \(since [^)]*\)$/)
  assert.match(at(5_000, 3, { state: "closed" }), /^down for 5 s/)
})

test("a closed breaker says nothing of it", () => {
  assert.equal(downText({ notClosedSince: null, failedProbes: 0, override: null }), "")
})

test("what the gateway says when it closes the feed becomes a sentence", () => {
  assert.equal(closeText(1013, "1,000 viewers are connected"), "1,000 viewers are connected.")
  assert.equal(closeText(1011, "no reply to two pings"), "No reply to two pings.")
  assert.equal(closeText(1001, ""), "The gateway is shutting down.")
  assert.equal(closeText(1006, ""), null)
})
