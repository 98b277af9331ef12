// The instant that is pointed at, on whichever chart; every chart shows it. Pure but for the cell.

import { Cell } from "./cell"

/** Milliseconds since 1970; null while no chart is pointed at. */
export const pointed = new Cell<number | null>(null)

/** The place of the time nearest to `at` in `times` (rising), -1 where none is within `mostMs`. */
export function nearest(times: readonly number[], at: number, mostMs: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < at) low = middle + 1
    else high = middle
  }
  const after = times[low] === undefined ? Infinity : times[low]! - at
  const before = low === 0 ? Infinity : at - times[low - 1]!
  if (Math.min(after, before) > mostMs) return -1
  return after < before ? low : low - 1
}
