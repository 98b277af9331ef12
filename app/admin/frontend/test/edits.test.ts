import assert from "node:assert/strict"
import { test } from "node:test"
import { backHint, backTitle, changeText, markText, originOf, rateCells, sourceName, summary, unseen, valueText } from "../src/edits"
import type { Change, Edit } from "../src/protocol"

const change: Change = {
  target: "Gateway",
  stanza: "rateLimit",
  field: "rules.per-client.requests",
  old: 1800,
  new: 18,
  source: "file",
  policy: "defaults",
  generation: null,
}
const edit: Edit = {
  at: new Date(2026, 10, 27, 3, 42, 20).getTime(),
  sequence: 8,
  source: "/etc/tidegate/gateway.yaml",
  changes: [change],
  omitted: 0,
  inverse: [],
  before: null,
  after: null,
}

test("a marker says when, what, and from what to what", () => {
  assert.equal(markText(edit), "03:42:20 per-client.requests 1800 → 18")
  const many = { ...edit, changes: [change, change], omitted: 40 }
  assert.equal(markText(many), "03:42:20 per-client.requests 1800 → 18, and 41 more")
  assert.equal(summary({ ...edit, changes: [] }), "no setting in force changed")
})

test("a change names its target where that is not the gateway, and the stanza where that is not a rule's", () => {
  const own = { ...change, target: "Route/orders", stanza: "timeout", field: "request", old: null, new: ["a", 5] }
  assert.equal(changeText(own), "Route/orders timeout.request not set → a, 5")
  assert.equal(valueText([]), "none")
  assert.equal(valueText({ a: 1 }), '{"a":1}')
})

test("where a value comes from", () => {
  assert.equal(originOf(change), "file · defaults")
  assert.equal(originOf({ ...change, source: "resource", policy: "shop/limits", generation: 4 }), "resource · shop/limits, generation 4")
  assert.equal(originOf({ ...change, source: "built-in", policy: "built-in" }), "built-in")
  assert.deepEqual(["sync", "/etc/gateway.yaml"].map(sourceName), ["operator", "gateway.yaml"])
})

test("what puts an edit back is said with its place", () => {
  const inverse = { name: "defaults", action: "change", where: "/etc/gateway.yaml", text: "", cut: false } as const
  assert.deepEqual(backTitle(inverse), { verb: "Replace", name: "defaults", place: "in gateway.yaml" })
  assert.deepEqual(backTitle({ ...inverse, action: "add" }).place, "to gateway.yaml")
  const patch = backTitle({ ...inverse, name: "shop/limits", where: "kubectl" })
  assert.deepEqual(patch, { verb: "Patch", name: "shop/limits", place: "with kubectl" })
})

test("what cannot be put back from here is said", () => {
  const own = (target: string, stanza: string) => ({ ...change, target, stanza })
  const changes = [own("Route/a", "route"), own("Upstream/o", "upstream"), own("Key/acme", "key")]
  const back = { name: "Upstream/o", action: "change", where: "gateway.yaml", text: "", cut: false } as const
  assert.match(backHint({ ...edit, changes, inverse: [back] }), /^Route\/a, Key\/acme are not shown because they may hold secrets\. Restore/)
  const many = ["a", "b", "c", "d", "e"].map((name) => own(`Key/${name}`, "key"))
  assert.match(backHint({ ...edit, changes: many }), /Key\/c and 2 more are not shown/)
  assert.match(backHint({ ...edit, changes: [own("Key/acme", "key")] }), /^Key\/acme is not shown because it may hold/)
  assert.match(backHint({ ...edit, source: "override" }), /override/)
  assert.match(backHint(edit), /first policies/)
  assert.equal(backHint({ ...edit, changes: [] }), "")
})

test("rates are requests a second and shares", () => {
  assert.deepEqual(rateCells({ seconds: 60, outcomes: { ok: 10, rate_limited: 20, upstream_error: 10 } }), {
    perS: 40,
    failed: 0.25,
    rejected: 0.5,
  })
  assert.deepEqual(rateCells({ seconds: 60, outcomes: {} }), { perS: 0, failed: null, rejected: null })
})

test("a minute that is not over yet is not enough seen yet", () => {
  assert.equal(unseen(edit, "after", edit.at + 30_000), "not enough seen yet")
  assert.equal(unseen(edit, "after", edit.at + 90_000), "not enough seen")
  assert.equal(unseen(edit, "before", edit.at + 30_000), "not enough seen")
})
