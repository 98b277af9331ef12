// The time that all charts show: a span that ends now (it follows) or at a chosen instant. One that follows is never
// longer than the gateway has run (but a minute at least), lest a few seconds are pressed into its last corner.

import { Cell } from "./cell"
import { nowMs } from "./clock"
import { timeField, type TimeWindow } from "./page_url"
import { share } from "./shared_url"
import { startedAtMs } from "./store"

export const SPANS: { label: string; spanMs: number | null }[] = [
  { label: "5 min", spanMs: 5 * 60_000 },
  { label: "1 h", spanMs: 60 * 60_000 },
  { label: "since start", spanMs: null },
]
const LEAST_MS = 5_000

export const timeWindow = new Cell<TimeWindow>({ spanMs: SPANS[0]!.spanMs, endMs: null })
share("time", timeWindow, timeField(SPANS[0]!.spanMs!))

/** The two ends of what is shown now. */
export function bounds(): { fromMs: number; toMs: number } {
  const { spanMs, endMs } = timeWindow.value
  const toMs = endMs ?? nowMs()
  const whole = wholeMs(toMs)
  return { fromMs: toMs - (endMs === null ? Math.min(spanMs ?? whole, whole) : (spanMs ?? whole)), toMs }
}

/** Zooms in (`factor` < 1) or out about the instant `atMs`, which stays where it is. */
export function zoom(factor: number, atMs: number): void {
  const { fromMs, toMs } = bounds()
  const spanMs = Math.min(Math.max((toMs - fromMs) * factor, LEAST_MS), mostMs())
  const share = (toMs - atMs) / (toMs - fromMs)
  settle(atMs + spanMs * share, spanMs)
}

/** Moves by `byMs`, later where positive. */
export function pan(byMs: number): void {
  const { fromMs, toMs } = bounds()
  settle(toMs + byMs, toMs - fromMs)
}

export function follow(spanMs: number | null): void {
  timeWindow.value = { spanMs, endMs: null }
}

/** Shows [fromMs, toMs] and a little on both sides. */
export function show(fromMs: number, toMs: number): void {
  const spanMs = Math.max((toMs - fromMs) * 1.5, 30_000)
  settle((fromMs + toMs) / 2 + spanMs / 2, spanMs)
}

function settle(endMs: number, spanMs: number): void {
  const now = nowMs()
  const earliest = now - mostMs() - spanMs / 2 // a little too far, so that a move is always seen to be one
  const clamped = Math.max(endMs, earliest + spanMs)
  timeWindow.value = clamped >= now - spanMs * 0.005 ? { spanMs, endMs: null } : { spanMs, endMs: clamped }
}

function mostMs(): number {
  return Math.max(wholeMs(nowMs()), SPANS[0]!.spanMs!)
}

function wholeMs(toMs: number): number {
  return Math.max(60_000, toMs - startedAtMs() + 2_000)
}
