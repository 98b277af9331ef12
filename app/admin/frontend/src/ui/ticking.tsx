// Texts that follow the clock; each draws only itself.

import { nowMs } from "../clock"
import { duration } from "../format"
import { useTicking } from "../hooks"

/** How long ago `at` was. */
export function Since({ at }: { at: number }) {
  return <>{useTicking(() => duration(nowMs() - at))}</>
}

export function Ticking({ text }: { text: () => string }) {
  return <>{useTicking(text)}</>
}

/** A bar that empties from `fromMs` to `untilMs`. Decoration: the time is also said in words beside it. */
export function Remaining({ fromMs, untilMs }: { fromMs: number; untilMs: number }) {
  const share = Number(
    useTicking(() => {
      const left = (untilMs - nowMs()) / Math.max(1, untilMs - fromMs)
      return Math.min(1, Math.max(0, left)).toFixed(3)
    }),
  )
  return (
    <span class="remaining" aria-hidden="true">
      <span style={{ transform: `scaleX(${share})` }} />
    </span>
  )
}
