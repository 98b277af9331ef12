// What of a breaker asks for attention: how much is lost at it, and whether it fails, is slow or is near to opening.

import type { Breaker, Route } from "./protocol"

/** From these on a closed breaker is a concern: share of failed requests, p99 as a part of the timeout, and how much of
 * the share that opens it is reached. */
export const FAILING = 0.01
export const SLOW = 0.5
export const NEAR = 0.75
/** One request alone is no concern, and of few the 99th percentile is only the slowest: the verdict's bounds
 * (app/admin/feed/signals.py), two and ten in ten seconds. */
const FEWEST_FAILED_PER_S = 0.2
const FEWEST_TIMED_PER_S = 1
/** What is longer is not told apart by the gateway's histogram: so much is slow whatever the timeout, as in signals.py. */
const LONGEST_TOLD_MS = 10_000
const ROUNDING = 1e-9

/** Requests per second that were lost: rejected by the breaker, or failed. */
export function lostPerS(breaker: Breaker): number {
  return breaker.refusedPerS + failedPerS(breaker)
}

export function failedPerS({ rps, errorShare }: Breaker): number {
  return rps * (errorShare ?? 0)
}

/** By breaker, the shortest timeout of the routes that use it; none where no route has one. */
export function timeoutsMs(routes: Iterable<Route>): Map<string, number> {
  const found = new Map<string, number>()
  for (const { timeoutS, upstreams } of routes) {
    if (timeoutS <= 0) continue
    for (const { breaker } of upstreams) {
      found.set(breaker, Math.min(found.get(breaker) ?? Infinity, timeoutS * 1000))
    }
  }
  return found
}

let known: { routes: ReadonlyMap<string, Route>; ms: Map<string, number> } | null = null

/** The shortest timeout of a breaker; counted once for the same routes. */
export function timeoutMs(routes: ReadonlyMap<string, Route>, breaker: string): number | undefined {
  if (known?.routes !== routes) known = { routes, ms: timeoutsMs(routes.values()) }
  return known.ms.get(breaker)
}

/** The share of failed, or of slow, requests in the breaker's window, and the one that opens it; null where it is not
 * judged by it. Both 0 to 1. */
export interface Rate {
  share: number
  opensAt: number
}

export function failureRate({ settings, window }: Breaker): Rate | null {
  return rate(settings.value.failureRate, window.failures, window.requests)
}

export function slowRate({ settings, window }: Breaker): Rate | null {
  return rate(settings.value.slowCalls, window.slow, window.requests)
}

function rate(setting: unknown, part: number, whole: number): Rate | null {
  const percent = (setting as { percent?: number } | null | undefined)?.percent
  return percent === undefined ? null : { share: whole > 0 ? part / whole : 0, opensAt: percent / 100 }
}

/** Enough requests are in the window for its rates to be judged. */
export function isJudged({ window }: Breaker): boolean {
  return window.minimum > 0 && window.requests >= window.minimum
}

export type Concern = "open" | "half_open" | "forced" | "failing" | "near" | "slow"

/**
 * Why the breaker deserves a tile; null for a healthy one. `timeoutMs`: the shortest of its routes. `ease`: below 1 it
 * takes less to stay a concern than to become one.
 */
export function concern(breaker: Breaker, timeoutMs: number | undefined, ease = 1): Concern | null {
  if (breaker.override) return "forced"
  if (breaker.state !== "closed") return breaker.state
  const failed = failedPerS(breaker)
  if ((breaker.errorShare ?? 0) >= FAILING * ease && failed > 0 && failed >= FEWEST_FAILED_PER_S * ease - ROUNDING) {
    return "failing"
  }
  const near = (one: Rate | null) => one !== null && one.share > 0 && one.share / one.opensAt >= NEAR * ease - ROUNDING
  if (isJudged(breaker) && (near(failureRate(breaker)) || near(slowRate(breaker)))) return "near"
  if (breaker.rps < FEWEST_TIMED_PER_S * ease) return null
  if (timeoutMs !== undefined && (breaker.p99Ms ?? 0) >= Math.min(timeoutMs * SLOW, LONGEST_TOLD_MS) * ease) return "slow"
  return null
}
