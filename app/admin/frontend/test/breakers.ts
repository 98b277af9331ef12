// Breakers for tests: healthy and without traffic, but for what a test gives.

import type { Breaker } from "../src/protocol"

export function breaker(name: string, more: Partial<Breaker> = {}): Breaker {
  return {
    name,
    upstream: name,
    route: null,
    state: "closed",
    since: 0,
    notClosedSince: null,
    failedProbes: 0,
    reason: null,
    lastError: null,
    failuresInRow: 0,
    threshold: null,
    window: { periodS: 10, requests: 0, failures: 0, slow: 0, minimum: 0 },
    opening: null,
    probesInFlight: 0,
    probesAllowed: 1,
    openUntil: null,
    override: null,
    rps: 0,
    refusedPerS: 0,
    errorShare: null,
    p50Ms: null,
    p99Ms: null,
    settings: { value: {}, origin: { source: "built-in", policy: null, target: null }, losers: [] },
    demo: false,
    ...more,
  }
}
