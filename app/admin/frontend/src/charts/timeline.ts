// The state timeline: a row per breaker, a band per time it spent in a state. The state shows in colour and in
// height (closed thin, half-open middle, open full), and a band is never shorter than three pixels.

import type { BarElement, ChartDataset, InteractionModeFunction, Plugin, TooltipModel } from "chart.js"
import { Chart, colour, dress, type Dressable, fontPx, Interaction, timeAxis } from "./setup"

export type BandState = "closed" | "half_open" | "open"

/** `row` counts from the top; `toMs` is null while it lasts. `id` is the caller's. */
export interface Band {
  id: number
  row: number
  state: BandState
  fromMs: number
  toMs: number | null
  forced: boolean
}

export interface TimelineOptions {
  title: (band: Band) => string
  lines: (band: Band) => string[]
}

type Bar = { x: [number, number]; y: number; band: Band }

const DRAWN: BandState[] = ["open", "half_open", "closed"] // the first lies on top
const HEIGHT: Record<BandState, number> = { open: 0.72, half_open: 0.46, closed: 0.2 } // of a row
const FILL: Record<BandState, string> = {
  open: "--open-fill",
  half_open: "--half-fill",
  closed: "--closed-band",
}
const LEAST_PX = 3
const NEAR_PX = 4
const PLAIN = { x: 0, y: 0 }

declare module "chart.js" {
  interface InteractionModeMap {
    band: InteractionModeFunction
  }
}

const timelines = new WeakMap<object, Timeline>()

// The whole height of a row belongs to its bands, and short ones are found within a few pixels.
Interaction.modes.band = (chart, event) => {
  const { x, y } = "x" in event ? (event as { x: number; y: number }) : PLAIN
  const found = timelines.get(chart)?.hit(x, y)
  return found ? [found] : []
}

export class Timeline {
  readonly chart: Chart<"bar", Bar[]>
  private readonly tip = document.createElement("div")
  private pickedId: number | null = null
  private rowPx = 28

  constructor(
    private readonly canvas: HTMLCanvasElement,
    options: TimelineOptions,
  ) {
    this.chart = new Chart<"bar", Bar[]>(canvas, {
      type: "bar",
      data: { datasets: DRAWN.map((state) => this.dataset(state)) },
      options: {
        indexAxis: "y",
        events: ["mousemove", "mouseout", "touchstart", "touchmove"],
        layout: { padding: { top: 0, right: 4, left: 0 } },
        scales: {
          x: {
            ...timeAxis(),
            position: "bottom",
            afterFit: (axis) => {
              axis.height = axisPx() // what the style sheet leaves below the rows
            },
          },
          y: { type: "linear", reverse: true, offset: false, min: -0.5, max: 0.5, display: false },
        },
        interaction: { mode: "band", intersect: false },
        plugins: {
          tooltip: {
            enabled: false, // the canvas is low: its own tip would hide the rows
            external: ({ tooltip }) => this.tell(tooltip),
            callbacks: {
              title: (items) => items.map((item) => options.title((item.raw as Bar).band)),
              label: (item) => options.lines((item.raw as Bar).band),
            },
          },
        },
      },
      plugins: [this.frame()],
    })
    timelines.set(this.chart, this)
    this.tip.className = "tip"
    this.tip.hidden = true
    canvas.after(this.tip)
    dress(this.chart as Dressable)
  }

  show(bands: Band[], rows: number, rowPx: number, fromMs: number, toMs: number, nowMs: number): void {
    this.rowPx = rowPx
    if (this.canvas.clientHeight !== this.canvas.parentElement!.clientHeight) this.chart.resize() // rows came or went
    const { scales } = this.chart.options
    Object.assign(scales!.x!, { min: fromMs, max: toMs })
    Object.assign(scales!.y!, { min: -0.5, max: Math.max(rows, 1) - 0.5 })
    DRAWN.forEach((state, i) => {
      const dataset = this.chart.data.datasets[i]!
      dataset.barThickness = Math.max(3, rowPx * HEIGHT[state])
      dataset.data = bands
        .filter((band) => band.state === state && (band.toMs ?? nowMs) >= fromMs && band.fromMs <= toMs)
        .map((band) => ({ x: [band.fromMs, band.toMs ?? nowMs], y: band.row, band }))
    })
    this.chart.update("none")
  }

  /** Marks a band; null for none. */
  pick(id: number | null): void {
    this.pickedId = id
    this.chart.draw()
  }

  /** The band under a point of the canvas, with a finger's tolerance. */
  bandAt(xPx: number, yPx: number): Band | null {
    const found = this.hit(xPx, yPx)
    return found ? found.band : null
  }

  /** Time at a horizontal place of the canvas. */
  timeAt(xPx: number): number {
    return this.chart.scales.x!.getValueForPixel(xPx) ?? 0
  }

  /** Where an instant stands on the canvas; null outside what is shown. */
  placeOf(atMs: number): number | null {
    const { min, max } = this.chart.scales.x!
    return atMs < min || atMs > max ? null : this.chart.scales.x!.getPixelForValue(atMs)
  }

  plotPx(): number {
    return this.chart.chartArea?.width || this.canvas.clientWidth
  }

  restyle(): void {
    dress(this.chart as Dressable)
    DRAWN.forEach((state, i) => Object.assign(this.chart.data.datasets[i]!, this.dataset(state, true)))
    this.chart.update("none")
  }

  destroy(): void {
    this.chart.destroy()
    this.tip.remove()
  }

  /** Shows the tip above the band, in an element of its own. */
  private tell(tooltip: TooltipModel<"bar">): void {
    const { tip, canvas } = this
    tip.hidden = tooltip.opacity === 0
    if (tip.hidden) return
    const title = document.createElement("strong")
    title.textContent = tooltip.title.join(" ")
    const lines = tooltip.body.flatMap((part) => part.lines).map((line) => {
      const own = document.createElement("span")
      own.textContent = line
      return own
    })
    tip.replaceChildren(title, ...lines)
    const { offsetWidth: width } = tip
    const left = Math.min(Math.max(tooltip.caretX - width / 2, 0), canvas.clientWidth - width)
    const apart = this.rowPx / 2 + 8
    const above = canvas.getBoundingClientRect().top + tooltip.caretY - apart > tip.offsetHeight
    const top = above ? tooltip.caretY - apart - tip.offsetHeight : tooltip.caretY + apart
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`
  }

  private dataset(state: BandState, styleOnly = false): ChartDataset<"bar", Bar[]> {
    const shade = colour(FILL[state])
    const style = {
      label: state,
      backgroundColor: shade,
      hoverBackgroundColor: shade,
      borderRadius: 2,
      borderSkipped: false as const,
      grouped: false,
      minBarLength: LEAST_PX,
      inflateAmount: 0,
    }
    return (styleOnly ? style : { ...style, data: [] }) as ChartDataset<"bar", Bar[]>
  }

  hit(xPx: number, yPx: number): { band: Band; element: BarElement; datasetIndex: number; index: number } | null {
    const { chartArea } = this.chart
    if (!chartArea || xPx < chartArea.left - NEAR_PX || xPx > chartArea.right + NEAR_PX) return null
    for (let datasetIndex = 0; datasetIndex < DRAWN.length; datasetIndex++) {
      const bars = this.chart.getDatasetMeta(datasetIndex).data as unknown as BarElement[]
      const data = this.chart.data.datasets[datasetIndex]!.data
      for (let index = bars.length - 1; index >= 0; index--) {
        const element = bars[index]!
        const { x, base, y } = placed(element)
        const near = datasetIndex === DRAWN.length - 1 ? 0 : NEAR_PX
        if (Math.abs(yPx - y) > this.rowPx / 2) continue
        if (xPx < Math.min(x, base) - near || xPx > Math.max(x, base) + near) continue
        return { band: data[index]!.band, element, datasetIndex, index }
      }
    }
    return null
  }

  /** Row separators below the bands, marks of forced and picked bands above them. */
  private frame(): Plugin<"bar"> {
    return {
      id: "frame",
      beforeDatasetsDraw: ({ ctx, chartArea, scales }) => {
        ctx.save()
        ctx.strokeStyle = colour("--grid")
        ctx.lineWidth = 1
        const rows = Math.round(scales.y!.max + 0.5)
        for (let row = 1; row < rows; row++) {
          const y = Math.round(scales.y!.getPixelForValue(row - 0.5)) + 0.5
          ctx.beginPath()
          ctx.moveTo(chartArea.left, y)
          ctx.lineTo(chartArea.right, y)
          ctx.stroke()
        }
        ctx.restore()
      },
      afterDatasetsDraw: (chart) => {
        const { ctx, chartArea } = chart
        ctx.save()
        ctx.beginPath()
        ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height)
        ctx.clip()
        DRAWN.forEach((_, datasetIndex) => {
          const bars = chart.getDatasetMeta(datasetIndex).data as unknown as BarElement[]
          const drawn = chart.data.datasets[datasetIndex]!.data as unknown as Bar[]
          drawn.forEach(({ band }, index) => {
            const picked = band.id === this.pickedId
            if (!(band.forced || picked) || !bars[index]) return
            const { x, base, y, height } = placed(bars[index])
            const left = Math.min(x, base)
            ctx.strokeStyle = colour("--text")
            ctx.lineWidth = picked ? 2 : 1
            ctx.setLineDash(band.forced ? [3, 3] : [])
            ctx.strokeRect(left, y - height / 2 - 1.5, Math.abs(x - base), height + 3)
          })
        })
        ctx.restore()
      },
    }
  }
}

/** Where a bar lies: its two ends, its middle line, its height. */
function placed(bar: BarElement): { x: number; base: number; y: number; height: number } {
  const { x, base, y, height } = bar.getProps(["x", "base", "y", "height"], true)
  return { x: x ?? 0, base: base ?? 0, y: y ?? 0, height: height ?? 0 }
}

/** CSS pixels of the time axis below the rows. */
function axisPx(): number {
  return Math.round(fontPx(1.75))
}
