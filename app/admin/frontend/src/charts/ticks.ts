// Where the labels of the axes stand. Pure.

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]
const LEAST_LABELS = 3

/** Round local times inside [min, max]: a label's width apart, and three of them at least where that is possible. */
export function timeTicks(minMs: number, maxMs: number, widthPx: number, labelPx: number): number[] {
  const most = Math.max(LEAST_LABELS, Math.floor(widthPx / (labelPx * 1.6)))
  let place = STEPS_S.findIndex((s) => (maxMs - minMs) / (s * 1000) <= most)
  if (place === -1) place = STEPS_S.length - 1
  let ticks = roundTimes(minMs, maxMs, STEPS_S[place]! * 1000)
  while (ticks.length < LEAST_LABELS && place > 0) ticks = roundTimes(minMs, maxMs, STEPS_S[--place]! * 1000)
  return ticks
}

function roundTimes(minMs: number, maxMs: number, stepMs: number): number[] {
  const zoneMs = new Date(maxMs).getTimezoneOffset() * 60_000
  const ticks = []
  for (let at = Math.ceil((minMs - zoneMs) / stepMs) * stepMs + zoneMs; at <= maxMs; at += stepMs) ticks.push(at)
  return ticks
}

const LEAST_DECADES = 2

/** Powers of ten that hold all of [least, most]: at least two decades, so that noise looks like noise. */
export function decades(least: number, most: number): number[] {
  let [low, high] = [Math.floor(log10(least)), Math.ceil(log10(most))]
  while (high - low < LEAST_DECADES) {
    if (log10(most) - low >= high - log10(least)) high++
    else low--
  }
  return Array.from({ length: high - low + 1 }, (_, i) => Number(`1e${low + i}`))
}

/** Without the last bits that make 10⁻³ a little more than three decades below one. */
function log10(value: number): number {
  return Number(Math.log10(value).toFixed(9))
}
