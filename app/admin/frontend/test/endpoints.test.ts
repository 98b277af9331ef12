import assert from "node:assert/strict"
import { test } from "node:test"
import { load, summary, warning } from "../src/endpoints"
import type { Health, Upstream } from "../src/protocol"

const upstream = (healths: Health[], more: Partial<Upstream> = {}): Upstream => ({
  name: "orders",
  endpoints: healths.map((health, i) => ({ address: `10.0.0.${i}:80`, health, inFlight: 0 })),
  others: 0,
  unreachable: null,
  ...more,
})

for (const [healths, others, wanted] of [
  [[], 0, "no endpoint"],
  [["healthy"], 0, "10.0.0.0:80, healthy"],
  [["unknown"], 0, "10.0.0.0:80, not used yet"],
  [["unknown", "unknown"], 0, "2 endpoints, not used yet"],
  [["healthy", "healthy"], 0, "2 endpoints healthy"],
  [["healthy", "ejected", "healthy"], 0, "2 of 3 endpoints healthy, 10.0.0.1:80 ejected"],
  [["ejected", "unhealthy", "unknown"], 0, "0 of 3 endpoints healthy, 10.0.0.0:80 ejected, 1 more out, 1 not used yet"],
  [["ejected", "healthy"], 30, "31 of 32 endpoints healthy, 10.0.0.0:80 ejected"],
] as [Health[], number, string][]) {
  test(`endpoints in a line: ${wanted}`, () => assert.equal(summary(upstream(healths, { others })), wanted))
}

test("it warns where none responds well, and where the start reached none", () => {
  assert.equal(warning(upstream(["unhealthy"])), "Its only endpoint does not respond well")
  assert.equal(warning(upstream(["unhealthy", "ejected"])), "None of its 2 endpoints responds well")
  assert.equal(warning(upstream(["unhealthy", "unknown"])), "")
  assert.equal(warning(upstream(["ejected"], { others: 1 })), "")
  const away = upstream(["unknown"], { unreachable: "10.0.0.0:80: Connection refused" })
  assert.match(warning(away), /at the start: 10\.0\.0\.0:80: Connection refused$/)
})

test("only what is much is said of the load", () => {
  assert.equal(load({ address: "a", health: "healthy", inFlight: 0 }), "")
  assert.equal(load({ address: "a", health: "healthy", inFlight: 2048 }), "2,048+ in flight")
})
