import assert from "node:assert/strict"
import { test } from "node:test"
import { parameter, selectionField } from "../src/page_url"
import type { Difference, Fleet, FleetCell, Pod, Row } from "../src/fleet/protocol"
import {
  cellText,
  cellTitle,
  clockNote,
  fields,
  folded,
  podAnchor,
  podCommand,
  podLink,
  podNote,
  shortNames,
  snapshotNote,
  steady,
  verdict,
} from "../src/fleet/words"

const NOW = 100_000
const plain = (text: string) => text.replaceAll("\u00a0", " ")
const NONE = { rps: 0, failedPerS: 0, rejectedPerS: 0, p99Ms: null }

function pod(name: string, more: Partial<Pod> = {}): Pod {
  return {
    namespace: "shop",
    pod: name,
    gateway: "edge",
    version: "0.1.0",
    takesTraffic: true,
    snapshot: 7,
    snapshotState: "applied",
    error: "",
    reports: "live",
    heardAt: NOW - 1000,
    calledAt: NOW - 3000,
    clockAheadS: 0,
    configSequence: 4,
    ready: true,
    draining: false,
    traffic: NONE,
    breakersOmitted: 0,
    ...more,
  }
}

function row(breaker: string, cells: (FleetCell | null)[], failedPerS = 0): Row {
  return { namespace: "shop", breaker, sums: { ...NONE, failedPerS }, cells }
}

function fleet(pods: Pod[], rows: Row[] = [], missing: string[] = []): Fleet {
  return {
    version: 1,
    now: NOW,
    paceS: 2,
    pods,
    podsTotal: pods.length,
    sums: { ...NONE, pods: pods.length },
    rows,
    rowsTotal: rows.length,
    differences: [],
    differencesTotal: 0,
    operator: { version: "0.1.0", snapshot: 7, missing },
  }
}

const CLOSED: FleetCell = { state: "closed", ...NONE, rps: 3 }
const OPEN: FleetCell = { state: "open", ...NONE, rejectedPerS: 4, downSince: NOW - 23_000, failedProbes: 2 }

test("an operator without gateways says what to look at", () => {
  assert.match(verdict(fleet([]), NOW).why, /CONTROL_PLANE_URL/)
  assert.match(verdict(fleet([], [], ["no list yet"]), NOW).why, /not ready: no list yet/)
})

test("the verdict names what is down, at how many pods and since when", () => {
  const said = verdict(fleet([pod("a"), pod("b"), pod("c")], [row("pay", [OPEN, null, CLOSED], 4)]), NOW)
  assert.equal(said.title, "pay is open at 1 of 2 pods")
  assert.equal(plain(said.why), "4 requests a second are lost. First down 23 s ago.")
  assert.equal(said.state, "open")
  const partly = verdict(fleet([pod("a"), pod("b", { reports: "silent" })], [row("pay", [OPEN, OPEN], 4)]), NOW)
  assert.match(plain(partly.why), /ago\. 1 pod not heard now\.$/)
  const half = verdict(fleet([pod("a")], [row("pay", [{ ...OPEN, state: "half_open" }])]), NOW)
  assert.equal(half.title, "pay is half-open at 1 of 1 pod")
})

test("the verdict names what loses requests with every breaker closed", () => {
  const said = verdict(fleet([pod("a"), pod("b")], [row("pay", [CLOSED, { ...CLOSED, failedPerS: 2 }], 2)]), NOW)
  assert.equal(said.title, "pay loses 2 requests a second")
  assert.equal(said.why, "At 1 of 2 pods; no breaker is open there.")
})

test("the verdict names what is lost to no breaker, before what breakers lose less of", () => {
  const one = fleet([pod("a")], [row("pay", [CLOSED], 1)])
  const losing = (rejectedPerS: number, more: Partial<Fleet> = {}) =>
    verdict({ ...one, sums: { ...NONE, rps: 30, failedPerS: 1, rejectedPerS, pods: 1 }, ...more }, NOW)
  const said = losing(20)
  assert.deepEqual([said.state, plain(said.title)], ["half_open", "67 % of requests lost, not to a breaker"])
  assert.equal(said.why, "To limits, keys or the gateways themselves; a pod's own page says which.")
  assert.equal(losing(1).title, "pay loses 1 requests a second", "no more than the worst breaker")
  const down = losing(20, { rows: [row("pay", [OPEN], 4)], pods: [pod("a"), pod("b", { reports: "silent" })] })
  assert.equal(down.state, "open")
  assert.match(down.why, /which\. pay is open at 1 of 1 pod\. 1 pod not heard now\.$/)
  const calm = (rejectedPerS: number) => verdict({ ...fleet([pod("a")]), sums: { ...NONE, rps: 30, rejectedPerS, pods: 1 } }, NOW).state
  const more = { rows: Array(3).fill(row("pay", [CLOSED], 4)) as Row[], rowsTotal: 8, sums: { ...NONE, rps: 30, failedPerS: 30, pods: 1 } }
  assert.equal(losing(0, more).title, "pay loses 4 requests a second", "to breakers whose rows are left out")
  assert.deepEqual([calm(1.4), calm(1.5)], ["closed", "half_open"], "one in twenty")
})

test("the verdict names a pod that rejected its snapshot, leaves or is not ready", () => {
  const said = (...more: Partial<Pod>[]) => verdict(fleet([pod("a"), ...more.map((one, i) => pod(`b${i}`, one))]), NOW)
  const rejected = said({ snapshotState: "rejected", error: "no such field" })
  assert.deepEqual([rejected.state, rejected.title, rejected.why], ["half_open", "b0 rejected the newest snapshot", "b0: no such field."])
  const both = said({ snapshotState: "rejected" }, { snapshotState: "rejected" }, { reports: "unheard" })
  assert.equal(both.title, "2 of 4 pods rejected the newest snapshot")
  assert.match(both.why, /1 pod not heard now\.$/)
  assert.deepEqual([said({ draining: true }).title, said({ ready: false }).title], ["b0: draining", "b0: not ready"])
  assert.equal(said({ draining: true }, { ready: false }).title, "2 of 3 pods are draining or not ready")
})

test("the verdict names who is not heard, and that all is well only where all are", () => {
  const silent = pod("b", { reports: "silent", heardAt: NOW - 40_000 })
  assert.equal(plain(verdict(fleet([pod("a"), silent]), NOW).title), "b: silent for 40 s")
  assert.equal(verdict(fleet([silent, silent, pod("a")]), NOW).title, "2 pods of 3 do not report")
  const awaited = pod("b", { reports: "awaited" })
  assert.equal(verdict(fleet([pod("a"), awaited]), NOW).title, "Waiting for 1 pod of 2 to report")
  const fine = verdict(fleet([pod("a")], [row("pay", [CLOSED])]), NOW)
  assert.deepEqual([fine.state, fine.why], ["closed", "1 breaker closed at 1 pod."])
})

test("a pod's note says what its data is worth", () => {
  const notes = [
    pod("a"),
    pod("a", { reports: "unheard", calledAt: null, heardAt: null }),
    pod("a", { reports: "unable" }),
    pod("a", { reports: "unable", version: "" }),
    pod("a", { reports: "awaited", heardAt: null }),
    pod("a", { draining: true }),
    pod("a", { ready: false }),
  ].map((one) => plain(podNote(one, NOW)))
  assert.deepEqual(notes, [
    "",
    "never called",
    "does not report (version 0.1.0)",
    "does not report (version unknown)",
    "no report yet, called 3 s ago",
    "draining",
    "not ready",
  ])
})

test("a clock that differs and a snapshot that lags are named", () => {
  assert.equal(plain(clockNote(pod("a", { clockAheadS: 61.2 }))), "clock 1 min 01 s ahead")
  assert.equal(plain(clockNote(pod("a", { clockAheadS: -61 }))), "clock 1 min 01 s behind")
  assert.equal(clockNote(pod("a")), "")
  const notes = (["applied", "pending", "stale"] as const).map((state) => snapshotNote(pod("a", { snapshotState: state })))
  assert.deepEqual(notes, ["", "older snapshot", "no call for over a minute"])
  assert.equal(snapshotNote(pod("a", { snapshotState: "rejected", error: "bad" })), "rejected: bad")
})

test("a cell says what matters most about it, and all of it when asked", () => {
  assert.equal(plain(cellText(OPEN, NOW)), "23 s")
  assert.equal(cellText({ state: "open" }, NOW), "open")
  assert.equal(cellText(CLOSED, NOW), "3/s")
  assert.equal(cellText({ state: "closed" }, NOW), "")
  assert.equal(
    plain(cellTitle({ ...OPEN, forced: true, p99Ms: 40 }, pod("a", { reports: "unable" }), NOW)),
    "open at a (override) · down for 23 s · 2 probes failed · 4 requests a second · 0 failed, 4 rejected · p99 40 ms · does not report (version 0.1.0)",
  )
  assert.equal(cellTitle({ state: "closed" }, pod("a"), NOW), "closed at a")
})

test("names lose what all begin with", () => {
  assert.deepEqual(shortNames(["tidegate-gateway-6d9-abcde", "tidegate-gateway-6d9-xyzxy"]), ["abcde", "xyzxy"])
  assert.deepEqual(shortNames(["my-gateway-6d9-abcde", "my-gateway-7f1-xyzxy"]), ["6d9-abcde", "7f1-xyzxy"])
  assert.deepEqual(shortNames(["edge-0", "edge-1"]), ["edge-0", "edge-1"])
  assert.deepEqual(shortNames(["edge", "edge-1234"]), ["edge", "edge-1234"])
  assert.deepEqual(shortNames(["edge-0"]), ["edge-0"])
  assert.deepEqual(shortNames([]), [])
})

function difference(...values: string[]): Difference {
  return {
    namespace: "shop",
    gateway: "edge",
    target: "Route/a",
    stanza: "rateLimit",
    values: values.map((value) => ({ value, pods: ["a"] })),
  }
}

test("only the fields that differ are shown", () => {
  const rules = (requests: number) => JSON.stringify({ rules: [{ name: "per-client", requests, period: "1m" }] })
  assert.deepEqual(fields(difference(rules(1800), rules(18))), [{ field: "rules.per-client.requests", values: ["1800", "18"] }])
  assert.deepEqual(fields(difference('{"a":1,"b":2}', '{"a":1}')), [{ field: "b", values: ["2", "unset"] }])
  assert.deepEqual(fields(difference('{"a":1}', "unset")), [{ field: "", values: ['{"a":1}', "unset"] }])
  assert.deepEqual(fields(difference('{"a":1}', '{"a": 1}')), [{ field: "", values: ['{"a":1}', '{"a": 1}'] }])
})

test("a difference that several targets have is told once", () => {
  const one = difference("1", "2")
  const other = { ...one, target: "Route/b" }
  const third = { ...difference("1", "3"), target: "Route/c" }
  assert.deepEqual(
    folded([one, other, third]).map(({ targets }) => targets),
    [["Route/a", "Route/b"], ["Route/c"]],
  )
})

test("a pod is led to by a command, and by a link below the dashboard", () => {
  assert.equal(podCommand(pod("edge-0")), "tidegate dashboard -n shop edge-0")
  assert.equal(podLink(pod("edge-0"), "", "9080"), null)
  assert.equal(podLink(pod("edge-0"), "?dashboard", "4711"), "http://edge-0.shop.localhost:4711/monitor")
  const link = podLink(pod("edge-0"), "?dashboard", "4711", "pay@orders & more")!
  assert.deepEqual(selectionField().read(parameter(new URL(link).search, "selected")!)?.breaker, "pay@orders & more")
  assert.equal(podAnchor(pod("edge-0")), "pod-shop-edge-0")
})

test("rows stay where they are while they are held", () => {
  assert.deepEqual(steady(["b", "a", "c"], ["a", "b", "gone"], true), ["a", "b", "c"])
  assert.deepEqual(steady(["b", "a"], ["a", "b"], false), ["b", "a"])
})
