import assert from "node:assert/strict"
import { test } from "node:test"
import type { Sort } from "../src/page"
import type { Breaker } from "../src/protocol"
import { CALM_MS, matches, NOTHING, stand, type Standing } from "../src/standing"
import { breaker } from "./breakers"

const all = (...breakers: Breaker[]) => new Map(breakers.map((one) => [one.name, one]))
const next = (before: Standing, breakers: Breaker[], nowMs = 0, sort: Sort = "lost") =>
  stand(before, all(...breakers), () => 1_000, sort, nowMs)
const failing = (name: string, errorShare: number) => breaker(name, { rps: 100, errorShare })
const tiles = ({ tiles }: Standing) => [...tiles.keys()]

test("a breaker becomes a tile at once, and a row when it was healthy for long enough", () => {
  const bad = next(NOTHING, [failing("a", 0.5), breaker("b")])
  assert.deepEqual(tiles(bad), ["a"])
  const soon = next(bad, [failing("a", 0), breaker("b")], CALM_MS - 1)
  assert.deepEqual(tiles(soon), ["a"])
  assert.deepEqual(tiles(next(soon, [failing("a", 0), breaker("b")], CALM_MS)), [])
})

test("one at the border does not flap between tile and row", () => {
  let now = next(NOTHING, [failing("a", 0.01)])
  for (let s = 1; s < 60; s++) {
    now = next(now, [failing("a", s % 2 ? 0.0099 : 0.01)], s * 1000)
    assert.deepEqual(tiles(now), ["a"])
  }
  let never = next(NOTHING, [failing("a", 0.0099)])
  for (let s = 1; s < 60; s++) {
    never = next(never, [failing("a", 0.0099)], s * 1000)
    assert.deepEqual(tiles(never), [])
  }
})

test("a breaker that is gone is neither tile nor row", () => {
  const { tiles, order } = next(next(NOTHING, [failing("a", 1), breaker("b")]), [breaker("b")])
  assert.deepEqual([tiles.size, order], [0, ["b"]])
})

test("what loses most comes first, then what is broken, then by name", () => {
  const breakers = [
    breaker("d"),
    breaker("a", { rps: 5 }),
    breaker("c", { state: "half_open" }),
    breaker("b", { state: "open" }),
    breaker("a-drill", { state: "open", override: {} as Breaker["override"] }),
    breaker("e", { override: {} as Breaker["override"] }),
    failing("worst", 0.2),
  ]
  assert.deepEqual(next(NOTHING, breakers).order, ["worst", "b", "a-drill", "c", "e", "a", "d"])
  const [first] = next(NOTHING, breakers, 0, "requests").order
  assert.equal(first, "worst")
  assert.deepEqual(next(NOTHING, breakers, 0, "name").order, ["a", "a-drill", "b", "c", "d", "e", "worst"])
})

test("two change places only when one is clearly ahead", () => {
  let now = next(NOTHING, [failing("a", 0.1), failing("b", 0.09)])
  now = next(now, [failing("a", 0.1), failing("b", 0.12)])
  assert.deepEqual(now.order, ["a", "b"])
  now = next(now, [failing("a", 0.1), failing("b", 0.13)])
  assert.deepEqual(now.order, ["b", "a"])
  assert.deepEqual(next(now, [failing("a", 0.13), failing("b", 0.11)]).order, ["b", "a"])
})

test("a new one comes where it belongs, the others stay", () => {
  const now = next(NOTHING, [failing("a", 0.5), failing("c", 0.1)])
  assert.deepEqual(next(now, [failing("a", 0.5), failing("c", 0.1), failing("b", 0.3)]).order, ["a", "b", "c"])
})

test("another order is strict from the beginning", () => {
  const breakers = [breaker("a", { rps: 100 }), breaker("b", { rps: 110 })]
  const lost = next(NOTHING, breakers)
  assert.deepEqual(lost.order, ["a", "b"])
  assert.deepEqual(next(lost, breakers, 0, "requests").order, ["b", "a"])
})

test("whatever the values do, the order ends and holds each name once", () => {
  let seed = 7
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647
  let now = NOTHING
  for (let round = 0; round < 50; round++) {
    const breakers = Array.from({ length: 30 }, (_, i) => failing(`b${i}`, random()))
    now = next(now, breakers, round * 1000)
    assert.equal(new Set(now.order).size, 30)
    const values = now.order.map((name) => breakers.find((one) => one.name === name)!.errorShare!)
    for (let i = 1; i < 30; i++) assert.ok(values[i]! <= values[i - 1]! * 1.25 + 0.002)
  }
})

test("a filter means a part of the name and a state", () => {
  const orders = breaker("Orders", { state: "open" })
  assert.ok(matches(orders, " ord", "all"))
  assert.ok(matches(orders, "", "open"))
  assert.ok(!matches(orders, "", "closed"))
  assert.ok(!matches(orders, "x", "all"))
})
