import assert from "node:assert/strict"
import { test } from "node:test"
import { band, SeriesStore, Transitions } from "../src/history"
import type { Breaker, TransitionRow } from "../src/protocol"

const breaker = { name: "orders", state: "closed", since: 90_000 } as Breaker
const rows: TransitionRow[] = [
  [1, "orders", "closed", "open", 60_000, "consecutive_failures", "status_503", 50],
  [2, "other", "closed", "open", 61_000, "override", "", 10],
  [3, "orders", "open", "half_open", 70_000, "open_duration_over", "", 10],
  [4, "orders", "half_open", "closed", 70_050, "probe_succeeded", "", 0.05],
]

function filled(): Transitions {
  const made = new Transitions()
  made.add(rows)
  return made
}

test("a breaker that never moved has been in its state since its since", () => {
  const [only, ...none] = new Transitions().stays(breaker, 0, 100_000)
  assert.deepEqual([only!.state, only!.fromMs, only!.toMs, none.length], ["closed", 90_000, null, 0])
})

test("stays reach back by heldS and touch each other", () => {
  const stays = filled().stays(breaker, 0, 100_000)
  assert.deepEqual(
    stays.map((stay) => [stay.state, stay.fromMs, stay.toMs]),
    [
      ["closed", 10_000, 60_000],
      ["open", 60_000, 70_000],
      ["half_open", 70_000, 70_050],
      ["closed", 70_050, null],
    ],
  )
  assert.equal(stays[1]!.began!.error, "status_503")
  assert.equal(stays[1]!.ended!.reason, "open_duration_over")
})

test("only stays that touch the window are given", () => {
  const states = filled()
    .stays(breaker, 62_000, 70_010)
    .map((stay) => stay.state)
  assert.deepEqual(states, ["open", "half_open"])
})

test("rows that are known already are not taken twice", () => {
  const made = filled()
  made.add(rows.slice(2))
  assert.equal(made.count("orders"), 3)
})

test("the oldest of more than 10,000 transitions go first", () => {
  const made = new Transitions()
  const many = Array.from({ length: 10_005 }, (_, i): TransitionRow => [i + 1, "a", "closed", "open", i, "", "", 0])
  made.add(many)
  assert.equal(made.count("a"), 10_000)
})

test("a band of a drill is marked", () => {
  const other = { name: "other", state: "open", since: 61_000 } as Breaker
  const [, drill] = filled().stays(other, 0, 100_000)
  assert.equal(band(drill!, 4).forced, true)
})

test("a new column begins with zeros, a percentile with holes, and a missing step breaks the line", () => {
  const series = new SeriesStore()
  series.add([{ stepS: 1, t: 1000, columns: { "outcome.ok": 2, p50Ms: 1.5 } }])
  series.add([{ stepS: 1, t: 2000, columns: { "outcome.rate_limited": 1 } }])
  series.add([{ stepS: 1, t: 6000, columns: { "outcome.ok": 3 } }])
  const { t, columns } = series.fine()
  assert.deepEqual(t, [1000, 2000, 3000, 6000])
  assert.deepEqual(columns.get("outcome.ok"), [2, 0, null, 3])
  assert.deepEqual(columns.get("outcome.rate_limited"), [0, 1, null, 0])
  assert.deepEqual(columns.get("p50Ms"), [1.5, null, null, null])
})

test("the finest series that reaches back is chosen", () => {
  const series = new SeriesStore()
  const t = Array.from({ length: 700 }, (_, i) => 1_000_000 + i * 1000)
  series.replace({
    type: "history",
    version: 1,
    since: 0,
    series: [
      { stepS: 1, t, columns: { clients: t.map(() => 1) } },
      { stepS: 10, t: [500_000, 1_000_000, 1_690_000], columns: { clients: [1, 1, 1] } },
    ],
    transitions: { fields: [], rows: [] },
  })
  assert.equal(series.fine().t.length, 600, "ten minutes are kept")
  assert.equal(series.reaching(1_400_000).stepS, 1)
  assert.equal(series.reaching(600_000).stepS, 10)
})
