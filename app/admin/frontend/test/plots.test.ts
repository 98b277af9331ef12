import assert from "node:assert/strict"
import { test } from "node:test"
import { decades, timeTicks } from "../src/charts/ticks"
import { nearest } from "../src/crosshair"
import type { Columns } from "../src/history"
import { emptyWords, inside, occurred, PLOTS } from "../src/plots"
import { OUTCOME } from "../src/outcomes"

const plot = (id: string) => PLOTS.find((one) => one.id === id)!
const columns = (names: Record<string, (number | null)[]>, stepS = 1): Columns => ({
  stepS,
  t: [1000, 2000, 3000],
  columns: new Map(Object.entries(names)),
})

test("outcomes stand in one order, what went wrong last, however they came", () => {
  const came = { "outcome.upstream_error": [1, 0, 0], "outcome.rate_limited": [0, 2, 0], "outcome.ok": [9, 9, 9] }
  const drawn = plot("outcomes").of(columns(came, 10))
  assert.deepEqual(
    drawn.map((one) => one.key),
    ["ok", "rate_limited", "upstream_error"],
  )
  assert.deepEqual(drawn[0]!.values, [0.9, 0.9, 0.9], "per second")
})

test("a legend lists only what occurred in the window", () => {
  const drawn = plot("outcomes").of(columns({ "outcome.ok": [9, 0, 0], "outcome.no_route": [0, 0, 4] }))
  const keys = (fromMs: number, toMs: number) => occurred(drawn, inside([1000, 2000, 3000], fromMs, toMs)).map((one) => one.key)
  assert.deepEqual(keys(0, 1500), ["ok"])
  assert.deepEqual(keys(2500, 3000), ["no_route"])
  assert.deepEqual(keys(1500, 2500), [])
  assert.deepEqual(keys(4000, 5000), [])
})

test("one colour has one meaning", () => {
  const colours = Object.values(OUTCOME).map((one) => one.colour)
  assert.equal(new Set(colours).size, colours.length, "an outcome each")
  const of = (id: string, given: Record<string, (number | null)[]>) => plot(id).of(columns(given)).map((one) => one.colour)
  const others = [...of("latency", {}), ...of("connections", {})]
  for (const one of others) assert.ok(!colours.includes(one), one)
  const rules = of("limits", { "limit.a/b.allowed": [1, 1, 1], "limit.a/c.allowed": [1, 1, 1] })
  assert.deepEqual(rules, ["--c-ok", "--c-violet", "--c-ok", "--c-violet"], "as for requests that passed, were limited")
})

test("rules are told apart by their lines", () => {
  const given = Object.fromEntries("abcdefgh".split("").map((id) => [`limit.${id}.allowed`, [1, 1, 1]]))
  const dashes = plot("limits").of(columns(given)).map((one) => `${one.colour} ${String(one.dash)}`)
  assert.equal(dashes.length, 16, "every rule is drawn")
  assert.equal(new Set(dashes.slice(0, 12)).size, 12, "six rules by their lines alone")
  assert.equal(new Set(dashes).size, 12, "then lines repeat")
})

test("a rule beyond the sixth is drawn where it alone occurred", () => {
  const given = Object.fromEntries("abcdefgh".split("").map((id) => [`limit.${id}.allowed`, [id === "h" ? 1 : 0, 0, 0]]))
  assert.deepEqual(occurred(plot("limits").of(columns(given)), [0, 3]).map((one) => one.key), ["h allowed"])
})

test("latency is in seconds and never zero", () => {
  const [p50, , p99] = plot("latency").of(columns({ p50Ms: [null, 0, 40], p99Ms: [null, 20, 1500] }))
  assert.deepEqual(p50!.values, [null, 1e-4, 0.04])
  assert.deepEqual(p99!.values, [null, 0.02, 1.5])
})

test("an empty plot says why", () => {
  assert.equal(emptyWords(plot("outcomes"), [], 5000), "No requests in this window")
  assert.equal(emptyWords(plot("latency"), [1000], 5000), "No requests in this window")
  assert.equal(emptyWords(plot("limits"), [9000], 5000), "Nothing is kept from this time")
})

test("the nearest point is found, or none", () => {
  const times = [1000, 2000, 3000]
  assert.deepEqual([900, 1400, 1600, 2999, 4400].map((at) => nearest(times, at, 1500)), [0, 0, 1, 2, 2])
  assert.equal(nearest(times, 4600, 1500), -1)
  assert.equal(nearest([], 4600, 1500), -1)
})

test("a latency axis has the powers of ten, two decades at least", () => {
  assert.deepEqual(decades(0.004, 0.3), [0.001, 0.01, 0.1, 1])
  assert.deepEqual(decades(0.0012, 0.0014), [0.0001, 0.001, 0.01])
  assert.deepEqual(decades(0.001, 1), [0.001, 0.01, 0.1, 1])
  assert.deepEqual(decades(0.001, 0.001), [0.0001, 0.001, 0.01])
})

test("a time axis has three labels at least, on a phone too", () => {
  const from = Date.parse("2026-11-27T14:03:07Z")
  for (const spanS of [30, 60, 75, 90, 170, 300, 900, 3600, 10_000, 90_000]) {
    for (const width of [250, 300, 640, 1400]) {
      const ticks = timeTicks(from, from + spanS * 1000, width, 64)
      assert.ok(ticks.length >= 3, `${spanS} s on ${width} px: ${ticks.length}`)
      assert.ok(ticks.length <= Math.max(6, width / 64), `${spanS} s on ${width} px: ${ticks.length}`)
    }
  }
})
