// Decisions about requests: how each is named and coloured, and what a list holds after a reply. Pure.

import { duration, timeOfDay } from "./format"
import type { DecisionFilter } from "./page_url"
import type { Attempt, Decision, DecisionsReply, Problem } from "./protocol"
import { OUTCOME, outcome } from "./outcomes"

export const MOST_ROWS = 100

/** Every reason word of the gateway: those that the chart of outcomes shows, and what a client sent wrongly. */
export const REASONS: readonly string[] = [
  ...Object.keys(OUTCOME).filter((word) => !["ok", "upstream_error", "client_gone"].includes(word)),
  "method_not_allowed",
  "request_malformed",
  "request_timeout",
  "head_too_large",
  "uri_too_long",
  "body_too_large",
  "expectation_failed",
  "misdirected_request",
  "version_not_supported",
  "no_backend",
  "no_endpoints",
  "draining",
]

/** `gap`: how many decisions are missing between it and the next older one. */
export interface Row {
  decision: Decision
  gap: number
}

/** What the gateway has shown so far, newest first; `mark` is for the next question. */
export interface Listed {
  rows: Row[]
  mark: string
  kept: number
  oldest: number | null
}

/** `before` with what came since; alone what a first reply, or one after a restart, holds. */
export function listed(before: Listed | null, reply: DecisionsReply): Listed {
  const rows: Row[] = reply.decisions.map((decision) => ({ decision, gap: 0 }))
  const older = before === null || reply.restarted ? [] : before.rows
  const missed = reply.omitted + reply.overwritten
  const last = rows.at(-1)
  if (last && older.length > 0) last.gap = missed
  return {
    rows: [...rows, ...older].slice(0, MOST_ROWS),
    mark: reply.mark,
    kept: reply.kept,
    oldest: reply.oldest,
  }
}

/** The word and the colour of how it ended, as in the chart of outcomes; what passed is there "ok" whatever its status. */
export function decisionOutcome({ reason, error, status, grpcStatus }: Decision): { label: string; colour: string; isBad: boolean } {
  if (reason !== "") return { ...outcome(reason), isBad: true }
  if (error === "client_gone" || status === 0) return { ...outcome("client_gone"), isBad: true }
  const said = grpcStatus && grpcStatus !== "OK" ? grpcStatus : null
  const failed = outcome("upstream_error")
  if (status >= 500) return { ...failed, label: said ?? failed.label, isBad: true }
  return { label: said ?? "passed", colour: outcome("ok").colour, isBad: false }
}

/** How long a request took: `< 0.1 ms`, `0.4 ms`, `48 ms`, `1.3 s`. */
export function took(ms: number): string {
  if (ms < 0.05) return "<\u00a00.1\u00a0ms"
  return ms < 9.95 ? `${ms.toFixed(1)}\u00a0ms` : duration(ms, true)
}

/** Where it went: the last endpoint, and how many attempts there were. */
export function wentTo({ attempts }: Decision): string {
  const endpoint = attempts.at(-1)?.endpoint ?? ""
  return attempts.length > 1 ? `${endpoint} · ${attempts.length} attempts`.trim() : endpoint
}

/** From where to where on the line of the request's time an attempt lies, as shares: its wait, then its body. */
export function attemptSpan(decision: Decision, at: number): { from: number; head: number; to: number } {
  const whole = Math.max(decision.durationMs, ...decision.attempts.map((one: Attempt) => one.endMs), 0.001)
  const { headMs, endMs } = decision.attempts[at]!
  const from = at > 0 ? decision.attempts[at - 1]!.endMs : 0
  return { from: from / whole, head: (headMs ?? endMs) / whole, to: endMs / whole }
}

/** The decisions that show a problem; null where requests cannot. */
export function concerning({ kind, subject }: Problem): Partial<DecisionFilter> | null {
  if (kind === "limit") return limitedBy(subject)
  if (kind === "breaker" || kind === "errors" || kind === "slow") return subject ? { breaker: subject } : {}
  const reason = { overload: "overloaded", store: "limit_store_down", internal: "internal_error" }[kind as string]
  return reason === undefined ? null : { reason }
}

/** The requests that a rule of a limit rejected, `policy/rule`, as near as decisions tell rules apart. */
export function limitedBy(rule: string): Partial<DecisionFilter> {
  return { reason: "rate_limited", policy: rule.slice(0, Math.max(rule.lastIndexOf("/"), 0)) }
}

/** What is kept, for people. */
export function reach(kept: number, oldest: number | null): string {
  if (oldest === null) return "Nothing was decided yet."
  const count = kept === 1 ? "1 decision" : `${kept.toLocaleString("en")} decisions`
  return `The last ${count}, since ${timeOfDay(oldest)}: every rejection and failure, and a sample of the rest.`
}
