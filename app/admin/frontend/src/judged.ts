// By what a breaker is judged, and what opened it, in words with their numbers. Pure.

import { concern, failureRate, isJudged, slowRate } from "./concern"
import { duration, latency, percent } from "./format"
import type { Breaker } from "./protocol"

const NBSP = "\u00a0"

/**
 * How far a breaker is from opening, a line for each rule but the failures in a row:
 * `32 % of 34 failing, opens at 40 %`, `the failure rate needs 20 requests, 6 so far`.
 */
export function rates(breaker: Breaker): string[] {
  const { window } = breaker
  const [failing, slow] = [failureRate(breaker), slowRate(breaker)]
  if (!failing && !slow) return []
  if (!isJudged(breaker)) {
    const by = failing && slow ? "the rates need" : failing ? "the failure rate needs" : "the share of slow calls needs"
    return [`${by} ${window.minimum} requests, ${window.requests} so far`]
  }
  const of = `of ${window.requests}`
  const said = []
  if (failing) said.push(`${percent(failing.share)} ${of} failing, opens at ${percent(failing.opensAt)}`)
  if (slow) said.push(`${percent(slow.share)} ${of} slower than ${slowFrom(breaker)}, opens at ${percent(slow.opensAt)}`)
  return said
}

/** Why a closed breaker is among those to look at; "" for a healthy one. `timeoutMs`: the shortest of its routes. */
export function concernText(breaker: Breaker, timeoutMs: number | undefined): string {
  const why = concern(breaker, timeoutMs)
  if (why === "failing") return `${percent(breaker.errorShare ?? 0)} of its requests fail`
  if (why === "near") return "close to opening"
  if (why !== "slow" || timeoutMs === undefined) return ""
  return `p99 is ${latency((breaker.p99Ms ?? 0) / 1000)}, and its timeout ${duration(timeoutMs)}`
}

/** What took the breaker out of closed, with the counts of that moment; "" for a closed one. */
export function openedBy(breaker: Breaker): string {
  const { opening, failuresInRow } = breaker
  if (!opening) return ""
  const { reason, requests } = opening
  if (reason === "consecutive_failures") return `${failuresInRow} failure${failuresInRow === 1 ? "" : "s"} in a row`
  if (reason === "failure_rate") {
    return `${share(opening.failures, requests)} failed${at(failureRate(breaker)?.opensAt)}`
  }
  if (reason === "slow_calls") {
    return `${share(opening.slow, requests)} slower than ${slowFrom(breaker)}${at(slowRate(breaker)?.opensAt)}`
  }
  return reason === "override" ? "a drill" : reason === "override_ended" ? "the end of a drill" : ""
}

/** How near a closed breaker is to opening, 0 to 1, by the rate that is nearest; null where no rate is set. */
export function nearness(breaker: Breaker): number | null {
  const found = [failureRate(breaker), slowRate(breaker)].flatMap((rate) => rate ?? [])
  if (found.length === 0) return null
  if (!isJudged(breaker)) return 0
  return Math.min(1, Math.max(...found.map(({ share, opensAt }) => share / opensAt)))
}

function share(part: number, whole: number): string {
  return `${percent(whole > 0 ? part / whole : 0)} of ${whole}`
}

function at(opensAt: number | undefined): string {
  return opensAt === undefined ? "" : `, opens at ${percent(opensAt)}`
}

/** `800ms` of the settings as people write it; a word where an edit has taken the setting away since. */
function slowFrom({ settings }: Breaker): string {
  const threshold = (settings.value.slowCalls as { threshold?: string } | null | undefined)?.threshold
  return threshold === undefined ? "allowed" : threshold.replace(/(\d)(ms|s|m|h)(?=\d|$)/g, `$1${NBSP}$2`)
}
