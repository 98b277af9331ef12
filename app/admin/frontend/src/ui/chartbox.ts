// What every chart on the page needs: the library when it has come, a drawing when something changed and it is seen,
// other colours when the theme changes, and the gestures that move the shared time window.

import { useLayoutEffect, useState } from "preact/hooks"
import { useCell } from "../cell"
import type { MarkedChart } from "../charts"
import { pointed } from "../crosshair"
import { useEffect, useModel, useRef } from "../hooks"
import { read } from "../store"
import { onTheme } from "../theme"
import { markEdits } from "./edit_marks"
import { bounds, follow, pan, timeWindow, zoom } from "../window"
import { pointAt, pointStepMs } from "./crosshair"

type Charts = typeof import("../charts")
const loading = import("../charts")

interface Drawn {
  readonly chart: MarkedChart
  restyle(): void
  destroy(): void
}

/** Makes a chart on a canvas, keeps it drawn by `draw`; `keys` are what it must be drawn again for. */
export function useChart<C extends Drawn>(
  make: (charts: Charts, canvas: HTMLCanvasElement) => C,
  draw: (chart: C) => void,
  keys: unknown[],
) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const chart = useRef<C | null>(null)
  const seen = useRef(false)
  const drawing = useRef(draw)
  drawing.current = draw
  const [ready, setReady] = useState(false)
  const window = useCell(timeWindow)
  const revision = useModel((model) => model.seriesRevision)

  const redraw = () => {
    if (chart.current && seen.current && !document.hidden) drawing.current(chart.current)
  }
  useEffect(() => {
    let mounted = true
    let unmark = () => {}
    const watching = new IntersectionObserver(
      ([entry]) => {
        seen.current = entry!.isIntersecting
        redraw()
      },
      { rootMargin: "50% 0%" }, // drawn before it comes into view
    )
    void loading.then((charts) => {
      if (!mounted || !canvas.current) return
      chart.current = make(charts, canvas.current)
      unmark = markEdits(charts, chart.current.chart, canvas.current.id === "timeline")
      watching.observe(canvas.current)
      setReady(true)
    })
    const ended = onTheme(() => requestAnimationFrame(() => chart.current?.restyle()))
    return () => {
      mounted = false
      ended()
      unmark()
      watching.disconnect()
      chart.current?.destroy()
      chart.current = null
    }
  }, [])
  useLayoutEffect(redraw, [ready, window, revision, ...keys]) // in the frame that shows what it stands beside
  return { canvas, chart }
}

interface Plot {
  timeAt: (xPx: number) => number
  plotPx: () => number
}

/** Ctrl and wheel, pinch and +/− zoom; drag, sideways wheel and arrows move; Home and End go to the ends. */
export function useGestures(element: { current: HTMLElement | null }, plot: () => Plot | null): void {
  useEffect(() => {
    const own = element.current
    if (!own) return
    const ended = new AbortController()
    const { signal } = ended
    const pointers = new Map<number, number>()
    const perPx = () => {
      const { fromMs, toMs } = bounds()
      return (toMs - fromMs) / (plot()?.plotPx() || 1)
    }
    const at = (clientX: number) => {
      const canvas = own.querySelector("canvas")
      return plot()?.timeAt(clientX - (canvas ?? own).getBoundingClientRect().left) ?? bounds().toMs
    }
    const spread = () => {
      const [a = 0, b = 0] = [...pointers.values()]
      return Math.max(20, Math.abs(a - b))
    }

    own.addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || event.metaKey) {
          event.preventDefault()
          zoom(Math.exp(Math.max(-0.7, Math.min(0.7, event.deltaY * 0.004))), at(event.clientX))
        } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          event.preventDefault()
          pan((event.deltaX || event.deltaY) * perPx())
        }
      },
      { signal, passive: false },
    )
    own.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return
        pointers.set(event.pointerId, event.clientX)
      },
      { signal },
    )
    addEventListener(
      "pointermove",
      (event) => {
        const before = pointers.get(event.pointerId)
        if (before === undefined) return
        const moved = event.clientX - before
        if (pointers.size === 1 && !own.classList.contains("dragging") && Math.abs(moved) < 4) return
        own.classList.add("dragging")
        const wide = spread()
        pointers.set(event.pointerId, event.clientX)
        if (pointers.size === 2) zoom(wide / spread(), at(event.clientX))
        else pan(-moved * perPx())
      },
      { signal },
    )
    const up = (event: PointerEvent) => {
      if (!pointers.delete(event.pointerId)) return
      // After the click that follows, which must still see that this was a drag.
      setTimeout(() => own.classList.remove("dragging"))
    }
    addEventListener("pointerup", up, { signal })
    addEventListener("pointercancel", up, { signal })
    own.addEventListener("dblclick", (event) => zoom(0.4, at(event.clientX)), { signal })
    own.addEventListener(
      "keydown",
      (event) => {
        if (event.target !== own || event.ctrlKey || event.metaKey || event.altKey) return
        if (!(event.shiftKey ? point(event.key) : key(event.key))) return
        event.preventDefault()
      },
      { signal },
    )
    return () => ended.abort()
  }, [])
}

/** Moves the instant that is pointed at; Escape lets it go. */
function point(name: string): boolean {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[name]
  if (step === undefined) return false
  const { fromMs, toMs } = bounds()
  const at = (pointed.value ?? (fromMs + toMs) / 2) + step * Math.max((toMs - fromMs) / 60, pointStepMs())
  pointAt(Math.min(toMs, Math.max(fromMs, at)))
  return true
}

function key(name: string): boolean {
  const { fromMs, toMs } = bounds()
  const middle = (fromMs + toMs) / 2
  const step = (toMs - fromMs) / 10
  if (name === "ArrowLeft") pan(-step)
  else if (name === "ArrowRight") pan(step)
  else if (name === "+" || name === "=") zoom(0.6, middle)
  else if (name === "-" || name === "_") zoom(1 / 0.6, middle)
  else if (name === "Home") pan(-(toMs - (read().gateway?.startedAt ?? fromMs)))
  else if (name === "End") follow(toMs - fromMs)
  else if (name === "Escape" && pointed.value !== null) pointed.value = null
  else return false
  return true
}
