// What the fleet's page says, from values alone.

import { amount, duration, percent } from "../format"
import type { State } from "../protocol"
import { STATE_WORD } from "../words"
import type { Difference, Fleet, FleetCell, Pod, Rates, Row } from "./protocol"

export function stateWord(state: State): string {
  return STATE_WORD[state].toLowerCase()
}

export function lostPerS(rates: Partial<Rates>): number {
  return (rates.failedPerS ?? 0) + (rates.rejectedPerS ?? 0)
}

/** Of a breaker: what came for it, sent or rejected. */
export function cameForPerS(rates: Partial<Rates>): number {
  return (rates.rps ?? 0) + (rates.rejectedPerS ?? 0)
}

/** `3 pods`, `1 pod`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`
}

/** What a pod's data is worth; "" where it is fresh and nothing is to be said. */
export function podNote(pod: Pod, nowMs: number): string {
  const ago = (at: number | null) => (at === null ? "" : duration(nowMs - at))
  if (pod.reports === "silent") return `silent for ${ago(pod.heardAt)}`
  if (pod.reports === "unheard") return "never called"
  if (pod.reports === "unable") return `does not report (version ${pod.version || "unknown"})`
  if (pod.reports === "awaited") return `no report yet, called ${ago(pod.calledAt)} ago`
  if (pod.draining) return "draining"
  return pod.ready === false ? "not ready" : ""
}

/** `its clock is 61 s ahead`; "" where it is right. */
export function clockNote(pod: Pod): string {
  if (!pod.clockAheadS) return ""
  return `clock ${duration(Math.abs(pod.clockAheadS) * 1000)} ${pod.clockAheadS > 0 ? "ahead" : "behind"}`
}

/** Which snapshot a pod serves with, where that is not the newest; "" where it is. */
export function snapshotNote(pod: Pod): string {
  if (pod.snapshotState === "rejected") return `rejected: ${pod.error}`
  if (pod.snapshotState === "pending") return "older snapshot"
  return pod.snapshotState === "stale" ? "no call for over a minute" : ""
}

export interface Verdict {
  state: State
  title: string
  why: string
}

/** As for a limit in the verdict of a gateway (app/admin/feed/signals.py): two requests in ten seconds, of all that came. */
const FEWEST_LOST_PER_S = 0.2
const LOST_SHARE = 0.05

/**
 * The one sentence: what loses most, else what is down, else which pod cannot serve as it should, else who is not heard,
 * else that all is well.
 */
export function verdict(fleet: Fleet, nowMs: number): Verdict {
  const { pods, rows } = fleet
  if (!pods.length) {
    const why = fleet.operator.missing.length
      ? `The operator is not ready: ${fleet.operator.missing.join(", ")}.`
      : "Gateways call it at its sync port: is CONTROL_PLANE_URL set, and does a NetworkPolicy let them?"
    return { state: "half_open", title: "No gateway has called this operator", why }
  }
  const worst = rows[0]
  const down = (worst?.cells.filter((cell) => cell && cell.state !== "closed") ?? []) as FleetCell[]
  const unheard = pods.filter((pod) => pod.reports !== "live")
  const found = elsewhereVerdict(fleet, down, nowMs) ?? breakerVerdict(worst, down, nowMs) ?? podVerdict(pods, nowMs)
  if (found) return unheard.length ? { ...found, why: `${found.why} ${counted(unheard.length, "pod")} not heard now.` } : found
  const awaited = unheard.filter((pod) => pod.reports === "awaited")
  if (awaited.length && awaited.length === unheard.length) {
    const title = `Waiting for ${counted(awaited.length, "pod")} of ${pods.length} to report`
    return { state: "half_open", title, why: "Gateways report while somebody looks; a running one does within seconds." }
  }
  if (unheard.length) {
    const first = unheard[0]!
    const title = unheard.length === 1 ? `${first.pod}: ${podNote(first, nowMs)}` : `${counted(unheard.length, "pod")} of ${pods.length} do not report`
    return { state: "half_open", title, why: "Sums count only the pods that report." }
  }
  return { state: "closed", title: "Nothing is down in the fleet", why: `${counted(fleet.rowsTotal, "breaker")} closed at ${counted(pods.length, "pod")}.` }
}

/** What is lost with no breaker to blame, where that is more than the worst one loses. */
function elsewhereVerdict({ sums, rows, rowsTotal }: Fleet, down: FleetCell[], nowMs: number): Verdict | null {
  const worst = rows[0]
  const last = rows.at(-1)
  // Rows that are left out lose no more than the last one shown.
  const atMostLeftOut = last ? (rowsTotal - rows.length) * lostPerS(last.sums) : 0
  const lost = lostPerS(sums) - rows.reduce((sum, row) => sum + lostPerS(row.sums), atMostLeftOut)
  if (lost < FEWEST_LOST_PER_S || lost < sums.rps * LOST_SHARE || (worst && lost <= lostPerS(worst.sums))) return null
  const share = sums.rps > 0 ? percent(Math.min(lost / sums.rps, 1)) : amount(lost)
  const also = worst && down.length ? downVerdict(worst, down, nowMs) : null
  const why = "To limits, keys or the gateways themselves; a pod's own page says which."
  return {
    state: also?.state ?? "half_open",
    title: `${share} of requests lost, not to a breaker`,
    why: also ? `${why} ${also.title}.` : why,
  }
}

function breakerVerdict(worst: Row | undefined, down: FleetCell[], nowMs: number): Verdict | null {
  if (!worst) return null
  if (down.length) return downVerdict(worst, down, nowMs)
  if (lostPerS(worst.sums) <= 0) return null
  const title = `${worst.breaker} loses ${amount(lostPerS(worst.sums))} requests a second`
  return { state: "half_open", title, why: `At ${places(worst, (cell) => lostPerS(cell) > 0)}; no breaker is open there.` }
}

/** Pods that rejected what they should serve with, leave, or are not ready. */
function podVerdict(pods: Pod[], nowMs: number): Verdict | null {
  const rejecting = pods.filter((pod) => pod.snapshotState === "rejected")
  const first = rejecting[0]
  if (first) {
    const who = rejecting.length === 1 ? first.pod : `${rejecting.length} of ${counted(pods.length, "pod")}`
    return { state: "half_open", title: `${who} rejected the newest snapshot`, why: `${first.pod}: ${first.error}.` }
  }
  const away = pods.filter((pod) => pod.reports === "live" && (pod.draining || pod.ready === false))
  if (!away.length) return null
  const one = away[0]!
  const title =
    away.length === 1 ? `${one.pod}: ${podNote(one, nowMs)}` : `${away.length} of ${counted(pods.length, "pod")} are draining or not ready`
  return { state: "half_open", title, why: away.length === 1 ? "It gets no new requests." : "They get no new requests." }
}

function downVerdict(row: Row, down: FleetCell[], nowMs: number): Verdict {
  const has = row.cells.filter(Boolean).length
  const state: State = down.some((cell) => cell.state === "open") ? "open" : "half_open"
  const since = Math.min(...down.map((cell) => cell.downSince ?? nowMs))
  const lost = lostPerS(row.sums)
  const loses = lost > 0 ? `${amount(lost)} requests a second are lost. ` : ""
  return {
    state,
    title: `${row.breaker} is ${stateWord(state)} at ${down.length} of ${counted(has, "pod")}`,
    why: `${loses}First down ${duration(nowMs - since)} ago.`,
  }
}

function places(row: Row, wanted: (cell: FleetCell) => boolean): string {
  const number = row.cells.filter((cell) => cell && wanted(cell)).length
  return `${number} of ${counted(row.cells.filter(Boolean).length, "pod")}`
}

/** What a cell says besides its mark: what matters most about it, in a few characters. */
export function cellText(cell: FleetCell, nowMs: number): string {
  if (cell.state !== "closed") return cell.downSince ? duration(nowMs - cell.downSince) : stateWord(cell.state)
  if (cell.rps === undefined) return ""
  return `${amount(cameForPerS(cell))}/s`
}

/** All of a cell, for people who point at it or listen. */
export function cellTitle(cell: FleetCell, pod: Pod, nowMs: number): string {
  const parts = [`${stateWord(cell.state)} at ${pod.pod}${cell.forced ? " (override)" : ""}`]
  if (cell.downSince) parts.push(`down for ${duration(nowMs - cell.downSince)}`)
  if (cell.failedProbes) parts.push(`${counted(cell.failedProbes, "probe")} failed`)
  if (cell.rps !== undefined) {
    parts.push(`${amount(cameForPerS(cell))} requests a second`)
    parts.push(`${amount(cell.failedPerS ?? 0)} failed, ${amount(cell.rejectedPerS ?? 0)} rejected`)
    if (cell.p99Ms != null) parts.push(`p99 ${duration(cell.p99Ms, true)}`)
  }
  if (pod.reports !== "live") parts.push(podNote(pod, nowMs))
  return parts.join(" · ")
}

const SHORTEST_NAME = 4

/** Names without the words that all of them begin with, so that columns can be narrow; what is left names something. */
export function shortNames(names: string[]): string[] {
  const first = names[0] ?? ""
  let cut = 0
  for (let end = first.indexOf("-"); names.length > 1 && end >= 0; end = first.indexOf("-", end + 1)) {
    const start = first.slice(0, end + 1)
    if (!names.every((name) => name.startsWith(start) && name.length - start.length >= SHORTEST_NAME)) break
    cut = start.length
  }
  return names.map((name) => name.slice(cut))
}

export interface FoldedDifference extends Difference {
  targets: string[]
}

/** Differences that are the same for several targets, told once. */
export function folded(differences: Difference[]): FoldedDifference[] {
  const found = new Map<string, FoldedDifference>()
  for (const one of differences) {
    const key = JSON.stringify([one.namespace, one.gateway, one.stanza, one.values])
    const known = found.get(key)
    if (known) known.targets.push(one.target)
    else found.set(key, { ...one, targets: [one.target] })
  }
  return [...found.values()]
}

export interface FieldDifference {
  field: string
  /** As `values` of the difference. */
  values: string[]
}

/** The fields in which the values differ; one without a name where they cannot be told apart by fields. */
export function fields(difference: Difference): FieldDifference[] {
  const whole = [{ field: "", values: difference.values.map(({ value }) => value) }]
  const flat = difference.values.map(({ value }) => flattened(value))
  if (flat.some((one) => one === null)) return whole
  const names = [...new Set(flat.flatMap((one) => [...one!.keys()]))]
  const differing = names
    .map((field) => ({ field, values: flat.map((one) => one!.get(field) ?? "unset") }))
    .filter(({ values }) => new Set(values).size > 1)
  return differing.length ? differing : whole
}

function flattened(text: string): Map<string, string> | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null // `unset`, or cut
  }
  const found = new Map<string, string>()
  const walk = (one: unknown, path: string) => {
    if (one !== null && typeof one === "object") {
      for (const [key, inner] of Object.entries(one)) walk(inner, path ? `${path}.${named(inner, key)}` : named(inner, key))
    } else found.set(path, String(one))
  }
  walk(value, "")
  return found
}

/** Of a list's item its name, so that an order which differs is no difference of everything. */
function named(item: unknown, key: string): string {
  const name = item !== null && typeof item === "object" ? (item as { name?: unknown }).name : undefined
  return typeof name === "string" && /^\d+$/.test(key) ? name : key
}

/** What opens a pod's own page. */
export function podCommand(pod: Pod): string {
  return `tidegate dashboard -n ${pod.namespace} ${pod.pod}`
}

/** The page of a pod, with a breaker selected, below `tidegate dashboard`, which tells pods apart by the name asked for. */
export function podLink(pod: Pod, search: string, port: string, breaker = ""): string | null {
  if (!new URLSearchParams(search).has("dashboard")) return null
  const query = breaker ? `?${new URLSearchParams({ selected: breaker })}` : ""
  return `http://${pod.pod}.${pod.namespace}.localhost:${port}/monitor${query}`
}

/** Where a pod's row is on this page. */
export function podAnchor(pod: Pod): string {
  return `pod-${pod.namespace}-${pod.pod}`
}

/** Names in the order `wanted`, but those that were shown already stay where they were while `held`. */
export function steady(wanted: string[], before: string[], held: boolean): string[] {
  if (!held) return wanted
  const now = new Set(wanted)
  const kept = before.filter((name) => now.has(name))
  return [...kept, ...wanted.filter((name) => !kept.includes(name))]
}
