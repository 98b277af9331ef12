// What was: the bands of the timeline made from transitions, and the series of the charts. Both are bounded.

import type { Band, BandState } from "./charts/timeline"
import type { Breaker, Delta, History, State, TransitionRow } from "./protocol"

const MOST_TRANSITIONS = 10_000
const MOST_POINTS: Record<number, number> = { 1: 600, 10: 1080 }

export interface Transition {
  id: number
  breaker: string
  from: State
  to: State
  at: number
  reason: string
  error: string
  heldS: number
}

/** A time that a breaker spent in one state. `began` is null where that was before what is known. */
export interface Stay {
  id: number
  state: BandState
  fromMs: number
  toMs: number | null
  began: Transition | null
  ended: Transition | null
}

export class Transitions {
  private all: Transition[] = []
  private readonly byBreaker = new Map<string, Transition[]>()

  clear(): void {
    this.all = []
    this.byBreaker.clear()
  }

  add(rows: TransitionRow[]): void {
    for (const [id, breaker, from, to, at, reason, error, heldS] of rows) {
      const newest = this.all.at(-1)
      if (newest && newest.id >= id) continue
      const one = { id, breaker, from, to, at, reason, error, heldS }
      this.all.push(one)
      const own = this.byBreaker.get(breaker)
      if (own) own.push(one)
      else this.byBreaker.set(breaker, [one])
    }
    while (this.all.length > MOST_TRANSITIONS) {
      const oldest = this.all.shift()!
      const own = this.byBreaker.get(oldest.breaker)
      own?.shift()
      if (own?.length === 0) this.byBreaker.delete(oldest.breaker)
    }
  }

  last(): Transition | undefined {
    return this.all.at(-1)
  }

  /** Those in [fromMs, toMs], oldest first. */
  between(fromMs: number, toMs: number): Transition[] {
    return this.all.filter(({ at }) => at >= fromMs && at <= toMs)
  }

  count(breaker: string): number {
    return this.byBreaker.get(breaker)?.length ?? 0
  }

  /** The stays of a breaker that touch [fromMs, toMs], oldest first. */
  stays(breaker: Breaker, fromMs: number, toMs: number): Stay[] {
    const own = this.byBreaker.get(breaker.name) ?? []
    if (own.length === 0) {
      return [{ id: 0, state: breaker.state, fromMs: breaker.since, toMs: null, began: null, ended: null }]
    }
    const found: Stay[] = []
    for (let i = -1; i < own.length; i++) {
      const began = own[i] ?? null
      const ended = own[i + 1] ?? null
      const start = began ? began.at : ended!.at - ended!.heldS * 1000
      if (start > toMs || (ended && ended.at < fromMs)) continue
      const state = began ? began.to : ended!.from
      found.push({ id: began?.id ?? -ended!.id, state, fromMs: start, toMs: ended?.at ?? null, began, ended })
    }
    return found
  }
}

export function band(stay: Stay, row: number): Band {
  const forced = stay.began?.reason === "override"
  return { id: stay.id, row, state: stay.state, fromMs: stay.fromMs, toMs: stay.toMs, forced }
}

export interface Columns {
  stepS: number
  t: number[]
  columns: Map<string, (number | null)[]>
}

const MEASURED = new Set(["p50Ms", "p90Ms", "p99Ms"]) // null, not 0, where a point does not tell them

export class SeriesStore {
  private readonly kept = new Map<number, Columns>([1, 10].map((stepS) => [stepS, empty(stepS)]))

  replace(history: History): void {
    if (history.since === 0) for (const stepS of [1, 10]) this.kept.set(stepS, empty(stepS))
    for (const { stepS, t, columns } of history.series) {
      t.forEach((at, i) => {
        const point: Record<string, number | null> = {}
        for (const [name, values] of Object.entries(columns)) point[name] = values[i] ?? null
        this.append(stepS, at, point)
      })
    }
  }

  add(points: NonNullable<Delta["series"]>): void {
    for (const { stepS, t, columns } of points) this.append(stepS, t, columns)
  }

  /** The finest series that reaches back to `fromMs`, else the one that reaches farthest. */
  reaching(fromMs: number): Columns {
    const fine = this.kept.get(1)!
    const coarse = this.kept.get(10)!
    const begins = (columns: Columns) => columns.t[0] ?? Infinity
    return begins(fine) <= fromMs + 15_000 || begins(fine) <= begins(coarse) + 15_000 ? fine : coarse
  }

  fine(): Columns {
    return this.kept.get(1)!
  }

  private append(stepS: number, at: number, point: Record<string, number | null>): void {
    const series = this.kept.get(stepS)
    if (!series || at <= (series.t.at(-1) ?? 0)) return
    const before = series.t.at(-1)
    if (before !== undefined && at - before > stepS * 2500) this.push(series, before + stepS * 1000, null)
    this.push(series, at, point)
    const over = series.t.length - (MOST_POINTS[stepS] ?? 600)
    if (over > 0) {
      series.t.splice(0, over)
      series.columns.forEach((values) => values.splice(0, over))
    }
  }

  /** `point` null: a hole that no line crosses. */
  private push(series: Columns, at: number, point: Record<string, number | null> | null): void {
    const length = series.t.push(at)
    for (const name of Object.keys(point ?? {})) {
      if (!series.columns.has(name)) {
        series.columns.set(name, Array<number | null>(length - 1).fill(MEASURED.has(name) ? null : 0))
      }
    }
    series.columns.forEach((values, name) => {
      values.push(point === null ? null : (point[name] ?? (MEASURED.has(name) ? null : 0)))
    })
  }
}

function empty(stepS: number): Columns {
  return { stepS, t: [], columns: new Map() }
}
