// The line at the instant that is pointed at, on each chart; the chart under the pointer says which instant it is.

import { useCell } from "../cell"
import { pointed } from "../crosshair"
import { timeOfDay } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { timeWindow } from "../window"

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
      pointed.value = timeUnder(box, clientX, asked.current())
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
    pointed.value = timeUnder(line.current!.parentElement!, pointerX.current, asked.current())
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

function timeUnder(box: HTMLElement, clientX: number, plot: Plot | null): number | null {
  return plot?.timeAt(clientX - box.querySelector("canvas")!.getBoundingClientRect().left) ?? null
}
