// How a request can end, as people read it. Pure.

import { words } from "./format"

/** In the order in which they are drawn and listed: what went well, what clients did, what the gateway rejected, what
 * upstreams failed at. A colour belongs to one of them, and to nothing else on the page. */
export const OUTCOME: Record<string, { label: string; colour: string }> = {
  ok: { label: "ok", colour: "--c-ok" },
  client_gone: { label: "client gone", colour: "--c-slate" },
  no_route: { label: "no route", colour: "--c-grey" },
  key_missing: { label: "key missing", colour: "--c-blue" },
  key_unknown: { label: "key unknown", colour: "--c-indigo" },
  key_expired: { label: "key expired", colour: "--c-sky" },
  rate_limited: { label: "rate limited", colour: "--c-violet" },
  limit_store_down: { label: "limit store down", colour: "--c-plum" },
  overloaded: { label: "overloaded", colour: "--c-olive" },
  breaker_probing: { label: "breaker probing", colour: "--c-yellow" },
  breaker_open: { label: "breaker open", colour: "--c-amber" },
  upstream_timeout: { label: "upstream timeout", colour: "--c-orange" },
  upstream_protocol: { label: "upstream protocol", colour: "--c-brown" },
  upstream_reset: { label: "upstream reset", colour: "--c-pink" },
  upstream_connect: { label: "upstream connect", colour: "--c-rose" },
  upstream_error: { label: "upstream error", colour: "--c-red" },
  internal_error: { label: "internal error", colour: "--c-crimson" },
}

export function outcome(word: string): { label: string; colour: string } {
  return OUTCOME[word] ?? { label: words(word), colour: "--c-fog" } // what a client sent wrongly
}

const UPSTREAM_FAULTS = new Set([
  "upstream_error",
  "upstream_connect",
  "upstream_reset",
  "upstream_protocol",
  "upstream_timeout",
])
const FAILED = new Set([
  ...UPSTREAM_FAULTS,
  "breaker_open",
  "breaker_probing",
  "internal_error",
  "overloaded",
  "limit_store_down",
  "no_backend",
  "no_endpoints",
  "draining",
])

/** Rates out of the outcome words, as `failed` and `rejected` of `traffic`: what breakers reject is in both. */
export function sums(outcomes: Record<string, number>): { failed: number; rejected: number } {
  let failed = 0
  let rejected = 0
  for (const [word, rate] of Object.entries(outcomes)) {
    if (FAILED.has(word)) failed += rate
    if (!UPSTREAM_FAULTS.has(word) && !["ok", "client_gone", "internal_error"].includes(word)) rejected += rate
  }
  return { failed, rejected }
}
