// The line at the instant that is pointed at, on each chart; the chart under the pointer says which instant it is.

import { useCell } from "../cell"
import { nearest, pointed } from "../crosshair"
import { timeOfDay } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { series } from "../store"
import { bounds, timeWindow } from "../window"

/** Points at the step nearest to the instant, so that all charts and legends say the same second. */
export function pointAt(atMs: number): void {
  const { t, stepS } = series.reaching(bounds().fromMs)
  pointed.value = t[nearest(t, atMs, stepS * 1500)] ?? atMs
}

/** Milliseconds between two instants that can be pointed at. */
export function pointStepMs(): number {
  return series.reaching(bounds().fromMs).stepS * 1000
}

interface Plot {
  timeAt: (xPx: number) => number
  /** null outside what is shown. */
  placeOf: (atMs: number) => number | null
}

/** Stands inside the box of a canvas. `says`: the time is written beside the line. */
export function Crosshair({ plot, says = false }: { plot: () => Plot | null; says?: boolean }) {
  const at = useCell(pointed)
  useCell(timeWindow)
  const revision = useModel((model) => model.seriesRevision)
  const line = useRef<HTMLElement>(null)
  const asked = useRef(plot)
  asked.current = plot
  const pointerX = useRef<number | null>(null) // while the pointer is over this chart

  useEffect(() => {
    const box = line.current!.parentElement!
    const ended = new AbortController()
    const { signal } = ended
    const point = ({ clientX }: PointerEvent) => {
      pointerX.current = clientX
      pointUnder(box, clientX, asked.current())
    }
    const leave = ({ pointerType }: PointerEvent) => {
      pointerX.current = null
      if (pointerType !== "touch") pointed.value = null // a finger that is lifted wants to read
    }
    const elsewhere = ({ target, pointerType }: PointerEvent) => {
      const onChart = target instanceof Element && target.closest(".chart-plot, .timeline-plot")
      if (pointerType === "touch" && !onChart) pointed.value = null
    }
    box.addEventListener("pointermove", point, { signal })
    box.addEventListener("pointerdown", point, { signal })
    box.addEventListener("pointerleave", leave, { signal })
    box.addEventListener("blur", () => (pointed.value = null), { signal })
    addEventListener("pointerdown", elsewhere, { signal })
    return () => ended.abort()
  }, [])

  useEffect(() => {
    if (pointerX.current === null) return // time moves on under a pointer that stands still
    pointUnder(line.current!.parentElement!, pointerX.current, asked.current())
  }, [revision])

  useEffect(() => {
    const own = line.current!
    const place = at === null ? null : (asked.current()?.placeOf(at) ?? null)
    own.hidden = place === null
    if (place === null) return
    own.style.transform = `translateX(${Math.round(place)}px)`
    own.classList.toggle("crosshair-left", place > own.parentElement!.clientWidth / 2)
  })
  return (
    <i class="crosshair" ref={line} hidden aria-hidden="true">
      {says && at !== null && <b>{timeOfDay(at)}</b>}
    </i>
  )
}

function pointUnder(box: HTMLElement, clientX: number, plot: Plot | null): void {
  if (plot) pointAt(plot.timeAt(clientX - box.querySelector("canvas")!.getBoundingClientRect().left))
}
