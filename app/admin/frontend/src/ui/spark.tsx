// The last minute of one breaker: a bar per second, passed, failed and rejected on top of each other.

import { useModel } from "../hooks"

const HIGH = 24

export function SparkLine({ name }: { name: string }) {
  const spark = useModel((model) => model.sparks.get(name))
  const sent = spark?.requests ?? []
  const failed = spark?.failures ?? []
  const refused = spark?.refused ?? []
  const most = Math.max(3, ...sent.map((n, i) => n + (refused[i] ?? 0)))
  const bars = (from: (i: number) => number, to: (i: number) => number) => {
    let path = ""
    for (let i = 0; i < sent.length; i++) {
      const low = from(i)
      const top = to(i)
      if (top <= low) continue
      const y = (value: number) => (HIGH - (value / most) * (HIGH - 1)).toFixed(1)
      path += `M${i + 0.1} ${y(low)}V${y(top)}h.8V${y(low)}z`
    }
    return path
  }
  const bad = (i: number) => failed[i] ?? 0
  const all = (i: number) => sent[i] ?? 0
  return (
    <svg class="spark" viewBox={`0 0 60 ${HIGH}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      <path class="spark-ok" d={bars(bad, all)} />
      <path class="spark-failed" d={bars(() => 0, bad)} />
      <path class="spark-refused" d={bars(all, (i) => all(i) + (refused[i] ?? 0))} />
    </svg>
  )
}
