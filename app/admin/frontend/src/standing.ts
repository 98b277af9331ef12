// Which breakers are tiles and which are rows, and in what order: both change only when it is worth it, for what moves
// under a pointer cannot be read.

import { concern, lostPerS } from "./concern"
import type { Shown, Sort } from "./page"
import type { Breaker, State } from "./protocol"

/** How long a breaker must have been healthy before its tile becomes a row. */
export const CALM_MS = 10_000
/** What takes a tile away is this part of what brings it: the hysteresis of the verdict (app/admin/feed/signals.py). */
const EASE = 0.5
/** A breaker passes another one when its value is so many times as large, and by a little more than nothing. */
const CLEARLY = 1.25

/** `tiles`: by name, when each was last a concern. `order`: all names, the first one first. */
export interface Standing {
  tiles: ReadonlyMap<string, number>
  order: readonly string[]
  sort: Sort
}

export const NOTHING: Standing = { tiles: new Map(), order: [], sort: "lost" }

export function stand(
  before: Standing,
  breakers: ReadonlyMap<string, Breaker>,
  timeoutMs: (breaker: string) => number | undefined,
  sort: Sort,
  nowMs: number,
): Standing {
  const tiles = new Map<string, number>()
  for (const breaker of breakers.values()) {
    const seenMs = before.tiles.get(breaker.name)
    const ease = seenMs === undefined ? 1 : EASE
    if (concern(breaker, timeoutMs(breaker.name), ease)) tiles.set(breaker.name, nowMs)
    else if (seenMs !== undefined && nowMs - seenMs < CALM_MS) tiles.set(breaker.name, seenMs)
  }
  return { tiles, order: settled(sort === before.sort ? before.order : [], breakers, sort), sort }
}

/** By which value an order goes, the largest first, and what difference is too small to mean anything. */
const VALUE: Record<Exclude<Sort, "name">, { of: (one: Breaker) => number; noise: number }> = {
  lost: { of: lostPerS, noise: 0.2 },
  requests: { of: (one) => one.rps, noise: 1 },
  errors: { of: (one) => one.errorShare ?? -1, noise: 0.005 },
  p99: { of: (one) => one.p99Ms ?? -1, noise: 2 },
}

const RANK: Record<State, number> = { open: 0, half_open: 1, closed: 2 }

/** Broken ones first: what failed before what a drill holds. */
export function byNeed(a: Breaker, b: Breaker): number {
  return RANK[a.state] - RANK[b.state] || (a.state === "closed" ? held(b) - held(a) : held(a) - held(b))
}

function held({ override }: Breaker): number {
  return override ? 1 : 0
}

function byName(a: Breaker, b: Breaker): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** All names in their order; two keep theirs until one of them is clearly ahead. */
function settled(before: readonly string[], breakers: ReadonlyMap<string, Breaker>, sort: Sort): string[] {
  if (sort === "name") return [...breakers.values()].sort(byName).map((one) => one.name)
  const { of, noise } = VALUE[sort]
  const equals = (a: Breaker, b: Breaker) => byNeed(a, b) || byName(a, b)
  const strict = (a: Breaker, b: Breaker) => of(b) - of(a) || equals(a, b)
  const known = before.flatMap((name) => breakers.get(name) ?? [])
  const names = new Set(before)
  const found = [...known]
  for (const added of [...breakers.values()].filter((one) => !names.has(one.name)).sort(strict)) {
    const place = found.findIndex((one) => strict(added, one) < 0)
    found.splice(place < 0 ? found.length : place, 0, added)
  }
  const mustSwap = (a: Breaker, b: Breaker) => {
    const [first, second] = [of(a), of(b)]
    return first === second ? equals(a, b) > 0 : second > first * CLEARLY && second - first > noise
  }
  // Each swap takes away an inversion of the strict order, so this ends.
  for (let swapped = true; swapped; ) {
    swapped = false
    for (let i = 1; i < found.length; i++) {
      if (!mustSwap(found[i - 1]!, found[i]!)) continue
      ;[found[i - 1], found[i]] = [found[i]!, found[i - 1]!]
      swapped = true
    }
  }
  return found.map((one) => one.name)
}

/** Does a breaker pass the filter? */
export function matches(breaker: Breaker, text: string, state: Shown): boolean {
  return (state === "all" || breaker.state === state) && breaker.name.toLowerCase().includes(text.trim().toLowerCase())
}
