// The words that people read for the words of the protocol.

import { duration, moment, percent, words } from "./format"
import { nowMs } from "./clock"
import type { Breaker, Origin, Override, State } from "./protocol"

export const STATE_WORD: Record<State, string> = { closed: "Closed", half_open: "Half-open", open: "Open" }

const CAUSE: Record<string, string> = {
  consecutive_failures: "too many failures in a row",
  failure_rate: "failure rate too high",
  slow_calls: "too many slow calls",
  probe_failed: "the probe failed",
  probe_succeeded: "the probe succeeded",
  open_duration_over: "open time is over",
  override: "held by a drill",
  override_ended: "the drill ended",
}

/** Why a breaker moved, for people. */
export function cause(reason: string | null): string {
  return reason === null ? "has not moved since the gateway started" : (CAUSE[reason] ?? words(reason))
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** `status_503` → `HTTP 503`, `upstream_connect` → `upstream connect`. */
export function errorWord(reason: string): string {
  return words(reason.replace(/^status_(\d{3})/, "HTTP $1"))
}

/** What happens next to a breaker, and when. */
export function next(breaker: Breaker): string {
  const { override, state, threshold } = breaker
  if (override) return `drill ends in ${countdown(override.until)}`
  if (state === "open") {
    if (breaker.openUntil === null) return "probes with the next request"
    return breaker.openUntil > nowMs()
      ? `next probe in ${countdown(breaker.openUntil)}`
      : "the next request is the probe"
  }
  if (state === "half_open") {
    return breaker.probesInFlight > 0
      ? `${breaker.probesInFlight} of ${breaker.probesAllowed} probe${breaker.probesAllowed > 1 ? "s" : ""} under way`
      : "waits for a request to probe with"
  }
  if (threshold === null) return "judged by rates only"
  const left = threshold - breaker.failuresInRow
  if (breaker.failuresInRow > 0) return `opens after ${left} more failure${left > 1 ? "s" : ""}`
  return `opens after ${threshold} failure${threshold > 1 ? "s in a row" : ""}`
}

/** Whole seconds left, rounded up, so that it never says 0 before it is over. */
export function countdown(untilMs: number): string {
  return duration(Math.ceil((untilMs - nowMs()) / 1000) * 1000)
}

/** `down for 23 s (since 03:34:12), 2 probes failed`; "" while the breaker is closed. Held open is not down. */
export function downText(
  breaker: Pick<Breaker, "notClosedSince" | "failedProbes"> & { override: Pick<Override, "state"> | null },
): string {
  const { notClosedSince, failedProbes, override } = breaker
  if (notClosedSince === null) return ""
  const how = override?.state === "open" ? "held open" : "down"
  const probes = failedProbes ? `, ${failedProbes} probe${failedProbes > 1 ? "s" : ""} failed` : ""
  return `${how} for ${duration(nowMs() - notClosedSince)} (since ${moment(notClosedSince, nowMs())})${probes}`
}

export function originText(origin: Origin): string {
  if (origin.source === "built-in") return "built-in defaults"
  const policy = origin.policy ? ` · ${origin.policy}` : ""
  const target = origin.target ? ` (${origin.target})` : ""
  return `${words(origin.source).replaceAll("-", " ")}${policy}${target}`
}

const SETTING: Record<string, string> = {
  consecutiveFailures: "Failures in a row",
  failureRate: "Failure rate",
  slowCalls: "Slow calls",
  openDuration: "Open for",
  halfOpenRequests: "Probes",
  failureOn: "Failures are",
  override: "Override",
}

/** The rows of a stanza: name, value, both as text. */
export function settingRows(value: Record<string, unknown>): [string, string][] {
  return Object.entries(value).map(([name, given]) => [SETTING[name] ?? name, settingText(given)])
}

function settingText(given: unknown): string {
  if (Array.isArray(given)) return given.map(String).join(", ")
  if (given !== null && typeof given === "object") {
    const { percent: share, window, threshold, minimumRequests, ...rest } = given as Record<string, unknown>
    const said = []
    if (typeof share === "number") said.push(percent(share / 100))
    if (threshold !== undefined) said.push(`slower than ${String(threshold)}`)
    if (window !== undefined) said.push(`over ${String(window)}`)
    if (minimumRequests !== undefined) said.push(`from ${String(minimumRequests)} requests on`)
    for (const [name, one] of Object.entries(rest)) said.push(`${name} ${String(one)}`)
    return said.join(", ")
  }
  return String(given)
}

/** One line for a stanza: `3 in a row · open 10s · 1 probe`. */
export function settingsLine(value: Record<string, unknown>): string {
  const said = []
  if (value.consecutiveFailures !== undefined) said.push(`${String(value.consecutiveFailures)} in a row`)
  const rate = value.failureRate as { percent: number } | null | undefined
  if (rate) said.push(`${percent(rate.percent / 100)} failing`)
  if (value.slowCalls) said.push("slow calls")
  if (value.openDuration !== undefined) said.push(`open ${String(value.openDuration)}`)
  const probes = Number(value.halfOpenRequests ?? 0)
  if (probes) said.push(`${probes} probe${probes > 1 ? "s" : ""}`)
  return said.join(" · ")
}

/** From this share on a failure is an alarm, not a grain of sand. */
export const ALARMING = 0.05

const SHUTTING_DOWN = 1001

/** Why the gateway closed the feed, as a sentence; null where it says nothing. */
export function closeText(code: number, reason: string): string | null {
  if (reason) return `${reason[0]?.toUpperCase()}${reason.slice(1)}.`
  return code === SHUTTING_DOWN ? "The gateway is shutting down." : null
}
