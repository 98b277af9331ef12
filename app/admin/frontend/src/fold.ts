// The feed of events with the repeated openings of a breaker folded into one line, so that nothing else drowns. Pure.

import { moment } from "./format"
import type { GatewayEvent } from "./protocol"

/** Openings that are farther apart than this are two stories. */
const APART_MS = 10 * 60_000
/** From so many on they are folded: what happened once more can still be read. */
const FOLDED_FROM = 2

/** A breaker that opened again and again: `times`, not counting the first opening, which stands by itself. */
export interface Fold {
  kind: "fold"
  /** Stays the same while it grows. */
  id: number
  breaker: string
  times: number
  /** How often a probe failed; the other times it had been closed. */
  failedProbes: number
  firstMs: number
  lastMs: number
  /** All that is folded, newest first. */
  events: GatewayEvent[]
}

export type Entry = { kind: "event"; event: GatewayEvent } | Fold

/** The newest `most` moves of breakers and as many others, so that a breaker that flaps for hours pushes no edit out. */
export function bounded(events: readonly GatewayEvent[], most: number): readonly GatewayEvent[] {
  if (events.length <= most) return events
  const left = { moves: most, others: most }
  const kept = [...events].reverse().filter((event) => (isMove(event) ? left.moves-- : left.others--) > 0)
  return kept.reverse()
}

function isMove({ kind }: GatewayEvent): boolean {
  return kind.startsWith("breaker_")
}

/** `events` oldest first; entries newest first. A fold stands where its newest event stood. */
export function folded(events: readonly GatewayEvent[]): Entry[] {
  const hidden = new Map<number, Fold>() // by the id of each event that a fold takes in
  for (const run of runs(events)) {
    const fold = foldOf(run)
    fold?.events.forEach((event) => hidden.set(event.id, fold))
  }
  const entries: Entry[] = []
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i]!
    const fold = hidden.get(event.id)
    if (!fold) entries.push({ kind: "event", event })
    else if (fold.events[0] === event) entries.push(fold)
  }
  return entries
}

/** The moves of each breaker, cut where it was calm for long or where a drill or a test came between. */
function runs(events: readonly GatewayEvent[]): GatewayEvent[][] {
  const found: GatewayEvent[][] = []
  const open = new Map<string, GatewayEvent[]>()
  for (const event of events) {
    if (/^(override|test)_/.test(event.kind)) open.delete(event.subject)
    if (!isMove(event)) continue
    const run = open.get(event.subject)
    if (run && event.at - run.at(-1)!.at <= APART_MS) run.push(event)
    else {
      const begun = [event]
      open.set(event.subject, begun)
      found.push(begun)
    }
  }
  return found
}

/** All between the first opening and what followed the last one; that it closed in the end stays in sight. */
function foldOf(run: GatewayEvent[]): Fold | null {
  const openings = run.filter((one) => one.kind === "breaker_opened")
  const [first, ...again] = openings
  const last = again.at(-1)
  if (!first || !last || again.length < FOLDED_FROM) return null
  const from = run.indexOf(first) + 1
  const closed = run.findIndex((one, i) => i > run.indexOf(last) && one.kind === "breaker_closed")
  const events = run.slice(from, closed < 0 ? undefined : closed).reverse()
  return {
    kind: "fold",
    id: events.at(-1)!.id,
    breaker: first.subject,
    times: again.length,
    failedProbes: again.filter((one) => one.detail.startsWith("probe failed")).length,
    firstMs: again[0]!.at,
    lastMs: last.at,
    events,
  }
}

/** `since 03:31:05; each time a probe failed`, or how often it had closed in between. */
export function foldDetail({ times, failedProbes, firstMs }: Fold, nowMs: number): string {
  const since = `since ${moment(firstMs, nowMs)}`
  if (failedProbes === times) return `${since}; each time a probe failed`
  if (failedProbes === 0) return `${since}; it had closed in between each time`
  return `${since}; ${failedProbes} probe${failedProbes === 1 ? "" : "s"} failed, ${times - failedProbes} times it had closed in between`
}
