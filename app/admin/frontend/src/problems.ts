// A problem of the verdict in words: its sentence, what is known besides, its name, and where on the page it leads.

import { nowMs } from "./clock"
import { valueText } from "./edits"
import { amount, duration, latency, moment, percent } from "./format"
import type { Breaker, Edit, Problem } from "./protocol"
import { cause, downText, errorWord, next } from "./words"

/** `bad`: requests are lost; `warn`: none yet; `drilled`: somebody wants it so. */
export type Tone = "bad" | "warn" | "drilled"

export function tone(problem: Problem): Tone {
  if (problem.kind === "breaker" && problem.forced) return "drilled"
  if (problem.kind === "breaker" && problem.state === "open") return "bad"
  return problem.lostPerS > 0 ? "bad" : "warn"
}

/** What stands in the page's title: `limit per-client`, `orders down`. */
export function nameOf(problem: Problem): string {
  const { kind, subject } = problem
  if (kind === "limit") return `limit ${problem.rule}`
  if (kind === "breaker") return `${subject} ${problem.forced ? "held open" : "down"}`
  if (kind === "errors") return subject ? `${subject} fails` : "upstream errors"
  if (kind === "slow") return `${subject} slow`
  return NAME[kind]
}

const NAME = {
  config_rejected: "configuration rejected",
  overload: "overload",
  internal: "internal errors",
  store: "limit store down",
  draining: "draining",
  not_ready: "not ready",
}

const A_CROWD = 3

/** The worst problem's sentence; where many breakers are down it says how many. */
export function headline(problem: Problem, breakers: ReadonlyMap<string, Breaker>): string {
  if (problem.kind !== "breaker" || problem.forced) return sentence(problem)
  const down = [...breakers.values()].filter((one) => one.state !== "closed" && !one.override).length
  if (down < A_CROWD) return sentence(problem)
  const worst = problem.lostPerS > 0 ? `${problem.subject} loses most` : problem.subject
  return `${down} of ${breakers.size} breakers down; ${worst}, ${downFor(problem)}`
}

/** The whole in one sentence: what, how much, since when. */
export function sentence(problem: Problem): string {
  const { kind, subject } = problem
  if (kind === "breaker") return `${subject} ${downFor(problem)}`
  const since = sinceText(problem)
  if (kind === "limit") return `${limitSentence(problem)}, ${since}`
  if (kind === "errors") return `${percent(problem.ownShare)} of requests${subject && ` to ${subject}`} fail, ${since}`
  if (kind === "slow") return `${subject} is slow: ${slowText(problem)}, ${since}`
  if (kind === "config_rejected") return `Configuration rejected ${since}: the one before stays in force`
  const lost = problem.share === null || problem.lostPerS === 0 ? "" : `, ${percent(problem.share)} of requests lost`
  return `${STATE[kind]} ${since}${lost}`
}

const STATE = {
  overload: "Overloaded",
  internal: "Internal errors",
  store: "Limit store unavailable",
  draining: "Draining",
  not_ready: "Waiting for the first configuration",
}

/** Of all requests; where the rule sees only a part of them, of that part. */
function limitSentence(problem: Problem & { kind: "limit" }): string {
  const { rule, share, ownShare } = problem
  const name = `limit ${rule} (${rateText(problem.requests, problem.periodS)})`
  if (share !== null && share >= ownShare / 2) return `${percent(share)} of requests rejected by ${name}`
  return `${percent(ownShare)} of its requests rejected by ${name}`
}

const PERIOD: Record<number, string> = { 1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day" }

/** `18 a minute`, `5 in 10 s`. */
function rateText(requests: number, periodS: number): string {
  return `${amount(requests)} ${PERIOD[periodS] ?? `in ${duration(periodS * 1000)}`}`
}

function sinceText({ since, edit }: Problem): string {
  const at = moment(since, nowMs())
  return edit ? `since the edit at ${at}` : `since ${at}`
}

function downFor(problem: Problem & { kind: "breaker" }): string {
  const { since, failedProbes, forced } = problem
  return downText({ notClosedSince: since, failedProbes, override: forced && { state: "open" } })
}

function slowText(problem: Problem & { kind: "slow" }): string {
  if (problem.p99Ms === null) {
    return `${percent(problem.ownShare)} slow calls, the breaker opens at ${percent(problem.opensAt)}`
  }
  return `p99 ${latency(problem.p99Ms / 1000)}, requests time out after ${duration(problem.timeoutS * 1000)}`
}

/** A line of the list below the sentence. */
export function brief(problem: Problem): string {
  if (problem.kind === "config_rejected") return `${sentence(problem)} (${faultText(problem)})`
  return sentence(problem)
}

/** What else is known of the first problem. `edits`: those that the page knows. */
export function detail(problem: Problem, breaker: Breaker | undefined, edits: readonly Edit[]): string {
  const said = [known(problem, breaker, edits)]
  if (problem.lostPerS > 0) said.push(`${amount(problem.lostPerS)} requests lost per second`)
  return said.filter(Boolean).join(" · ")
}

function known(problem: Problem, breaker: Breaker | undefined, edits: readonly Edit[]): string {
  if (problem.kind === "config_rejected") {
    const more = problem.faults > 1 ? ` and ${problem.faults - 1} more` : ""
    return `${faultText(problem)}${more}`
  }
  if (problem.kind === "limit") return editText(problem, edits)
  if (problem.kind === "breaker") return breakerText(problem, breaker)
  if (problem.kind === "errors") return errorText(problem, breaker)
  if (problem.kind === "slow" && breaker?.p50Ms) return `p50 ${latency(breaker.p50Ms / 1000)}`
  return ""
}

/** Of a file its name alone: the folder says nothing and is long. */
function faultText({ subject, fault }: Problem & { kind: "config_rejected" }): string {
  const name = subject.split("/").at(-1) ?? subject
  return fault.startsWith(subject) ? `${name}${fault.slice(subject.length)}` : `${name}: ${fault}`
}

function editText(problem: Problem & { kind: "limit" }, edits: readonly Edit[]): string {
  const edit = problem.edit && edits.find((one) => one.sequence === problem.edit?.sequence)
  if (!edit) return ""
  const stem = `rules.${problem.rule}.`
  const changed = edit.changes.filter(({ stanza, field }) => stanza === "rateLimit" && field.startsWith(stem))
  return changed.map((one) => `${one.field.slice(stem.length)} ${valueText(one.old)} → ${valueText(one.new)}`).join(", ")
}

function breakerText(problem: Problem & { kind: "breaker" }, breaker: Breaker | undefined): string {
  const { forced, reason, error } = problem
  const then = breaker ? `; ${next(breaker)}` : ""
  if (forced) return `Drill by ${forced.by}${forced.why && `, ${forced.why}`}${then}`
  return `Opened: ${cause(reason)}${error ? ` (${errorWord(error)})` : ""}${then}`
}

function errorText({ subject }: Problem, breaker: Breaker | undefined): string {
  if (!subject) return "No breaker counts them: see failureOn"
  const error = breaker?.lastError ? `Last error ${errorWord(breaker.lastError.reason)}; ` : ""
  return `${error}its breaker is closed${breaker ? ` and ${next(breaker)}` : ""}`
}

/** What the link to it says. */
export function leadText(problem: Problem): string {
  const { kind, subject } = problem
  if (kind === "limit") return `Show limit ${problem.rule}`
  if (kind === "config_rejected" || kind === "draining" || kind === "not_ready") return "Show the events"
  if (kind === "store") return "Show the limits"
  if (subject) return `Show ${subject}`
  return kind === "errors" ? "Show the routes" : "Show the traffic"
}

/** Selectors of a breaker, as a tile or a row, and of the heading of all. */
export function breakerPlaces(name: string): string[] {
  return [`[data-breaker="${CSS.escape(name)}"]`, "#breakers-title"]
}

/** Selectors of what it is about, the closest first; each is one element of the page at most. */
export function places(problem: Problem): string[] {
  const { kind, subject } = problem
  if (kind === "limit") return [`[data-limit="${CSS.escape(subject)}"]`, "#limits-title"]
  if (kind === "store") return ["#limits-title"]
  if (kind === "config_rejected") return ["#feed-title"]
  if (subject) return breakerPlaces(subject)
  if (kind === "errors") return ["#routes-title"]
  return [kind === "overload" || kind === "internal" ? "#traffic-title" : "#feed-title"]
}
