import assert from "node:assert/strict"
import { test } from "node:test"
import { asCsv, asJson, type Excerpt, fileName } from "../src/export"

const AT = Date.parse("2026-11-27T14:03:00Z")
const change = { target: "Gateway", stanza: "rateLimit", field: "rules.a.requests", source: "file", generation: null }
const excerpt: Excerpt = {
  identity: { pod: "gw-1", gateway: "front", namespace: "shop", node: null },
  version: "0.1.0",
  fromMs: AT,
  toMs: AT + 2000,
  columns: {
    stepS: 1,
    t: [AT - 1000, AT + 1000, AT + 2000, AT + 9000],
    columns: new Map<string, (number | null)[]>([
      ["outcome.ok", [7, 3, 0, 7]],
      ["p50Ms", [7, 1.5, null, 7]],
      ["limit.=x/a.allowed", [7, 1, 1, 7]],
    ]),
  },
  transitions: [
    { id: 1, breaker: '=cmd("x")', from: "closed", to: "open", at: AT + 1500, reason: "probe_failed", error: "a, b", heldS: 1 },
    { id: 2, breaker: "late", from: "open", to: "closed", at: AT + 5000, reason: "", error: "", heldS: 1 },
  ],
  edits: [
    { at: AT + 500, sequence: 2, source: "gw.yaml", omitted: 0, changes: [{ ...change, old: 1800, new: null, policy: "front" }] },
    { at: AT - 500, sequence: 1, source: "gw.yaml", omitted: 0, changes: [{ ...change, old: "a", new: "b", policy: null }] },
  ],
}

test("a spreadsheet gets a row for each step and event of the window, in the order of time", () => {
  assert.deepEqual(asCsv(excerpt).split("\r\n"), [
    "time,pod,event,subject,detail,outcome.ok,p50Ms,limit.=x/a.allowed",
    "2026-11-27T14:03:00.500Z,shop/gw-1,edit,Gateway rateLimit.rules.a.requests,\"1800 to unset, from gw.yaml front\",,,",
    "2026-11-27T14:03:01.000Z,shop/gw-1,,,,3,1.5,1",
    "2026-11-27T14:03:01.500Z,shop/gw-1,breaker_open,\"'=cmd(\"\"x\"\")\",\"closed to open: probe_failed, a, b\",,,",
    "2026-11-27T14:03:02.000Z,shop/gw-1,,,,0,,1",
    "",
  ])
})

test("a program gets the same as JSON, and whose it is", () => {
  const whole = JSON.parse(asJson(excerpt, AT + 3000))
  assert.deepEqual(whole.gateway, { pod: "gw-1", gateway: "front", namespace: "shop", node: null, version: "0.1.0" })
  assert.deepEqual(whole.series.t, ["2026-11-27T14:03:01.000Z", "2026-11-27T14:03:02.000Z"])
  assert.deepEqual(whole.series.columns.p50Ms, [1.5, null])
  assert.deepEqual(whole.transitions.map((one: { id: number }) => one.id), [1])
  assert.deepEqual(whole.edits.map((one: { sequence: number }) => one.sequence), [2])
  assert.equal(whole.to, "2026-11-27T14:03:02.000Z")
})

test("the file's name says whose it is and when", () => {
  assert.equal(fileName(excerpt, "csv"), "tidegate-shop-gw-1-20261127T140302Z.csv")
  const host = { ...excerpt, identity: { ...excerpt.identity, pod: "../o dd", namespace: null } }
  assert.equal(fileName(host, "json"), "tidegate-..-o-dd-20261127T140302Z.json")
})
