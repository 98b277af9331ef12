// A chart of one or more series over time: areas on top of each other, or lines.

import type { Scale, ScriptableContext } from "chart.js"
import type { Plot, Series } from "../plots"
import { Chart, colour, dress, type Dressable, timeAxis } from "./setup"
import { decades } from "./ticks"

export type LinesOptions = Pick<Plot, "stacked" | "logarithmic" | "format" | "atLeast">

type Point = { x: number; y: number | null }

export class Lines {
  readonly chart: Chart<"line", Point[]>
  private series: Series[] = []

  constructor(canvas: HTMLCanvasElement, private readonly options: LinesOptions) {
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: [] },
      options: {
        parsing: false,
        interaction: { mode: "index", intersect: false, axis: "x" },
        elements: { point: { radius: 0, hitRadius: 8, hoverRadius: 3 }, line: { borderWidth: 1.75, tension: 0 } },
        layout: { padding: { top: 6, right: 4 } },
        scales: {
          x: timeAxis(),
          y: {
            ...(options.logarithmic ? logarithmic() : { type: "linear", min: 0, suggestedMax: options.atLeast }),
            stacked: options.stacked,
            position: "left",
            afterFit: (axis) => {
              axis.width = Math.max(axis.width, 60) // the plots of all charts begin at the same place
            },
            ticks: { maxTicksLimit: 5, callback: (value) => short(options.format(Number(value))) },
          },
        },
        plugins: {
          tooltip: {
            filter: (item) => !options.stacked || item.parsed.y !== 0,
            itemSort: (a, b) => (b.parsed.y ?? 0) - (a.parsed.y ?? 0),
            callbacks: {
              title: (items) => (items[0] ? new Date(items[0].parsed.x ?? 0).toLocaleTimeString("en-GB") : ""),
              label: (item) => `${item.dataset.label}  ${options.format(item.parsed.y ?? 0)}`,
              labelColor: (item) => {
                const shade = String(item.dataset.borderColor)
                return { borderColor: shade, backgroundColor: shade, borderRadius: 2 }
              },
            },
          },
        },
      },
    })
    dress(this.chart as Dressable)
  }

  /** Shows `series` over `timesMs` (rising) between `fromMs` and `toMs`; keys in `hidden` are left out. */
  show(
    timesMs: readonly number[],
    series: Series[],
    hidden: ReadonlySet<string>,
    fromMs: number,
    toMs: number,
  ): void {
    this.series = series
    const begin = Math.max(0, timesMs.findIndex((at) => at >= fromMs) - 1)
    const known = new Map(this.chart.data.datasets.map((dataset) => [dataset.label, dataset]))
    this.chart.data.datasets = series.map((one) => {
      const data: Point[] = []
      for (let i = begin; i < timesMs.length && timesMs[i]! <= toMs + 10_000; i++) {
        data.push({ x: timesMs[i]!, y: one.values[i] ?? null })
      }
      const dataset = known.get(one.label) ?? { label: one.label, data }
      return Object.assign(dataset, this.style(one), { data, hidden: hidden.has(one.key) })
    })
    const x = this.chart.options.scales!.x!
    x.min = fromMs
    x.max = toMs
    if (this.options.logarithmic) this.spanDecades()
    this.chart.update("none")
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
    return this.chart.chartArea?.width || 1
  }

  private spanDecades(): void {
    const shown = this.chart.data.datasets.flatMap((one) => (one.hidden ? [] : one.data.flatMap(({ y }) => y ?? [])))
    const most = Math.max(this.options.atLeast, ...shown)
    const ticks = decades(Math.min(most, ...shown), most)
    Object.assign(this.chart.options.scales!.y!, { min: ticks[0], max: ticks.at(-1) })
  }

  restyle(): void {
    dress(this.chart as Dressable)
    this.chart.data.datasets.forEach((dataset, i) => {
      const one = this.series[i]
      if (one) Object.assign(dataset, this.style(one))
    })
    this.chart.update("none")
  }

  destroy(): void {
    this.chart.destroy()
  }

  private style(one: Series) {
    const shade = colour(one.colour)
    return {
      borderColor: shade,
      backgroundColor: this.options.stacked ? `color-mix(in srgb, ${shade} 55%, transparent)` : shade,
      fill: this.options.stacked ? "stack" : false,
      borderWidth: this.options.stacked ? 1 : 1.75,
      borderDash: one.dash ?? [],
      pointStyle: "rectRounded",
      pointRadius: ({ raw, dataIndex, dataset }: ScriptableContext<"line">) => {
        const y = (at: number) => (dataset.data[at] as Point | undefined)?.y ?? null
        const alone = (raw as Point | undefined)?.y != null && y(dataIndex - 1) === null && y(dataIndex + 1) === null
        return alone && !this.options.stacked ? 2 : 0
      },
    }
  }
}

/** Labelled at the powers of ten only. */
function logarithmic() {
  return {
    type: "logarithmic" as const,
    afterBuildTicks: (axis: Scale) => {
      axis.ticks = decades(axis.min, axis.max).map((value) => ({ value }))
    },
  }
}

/** `5.00 s` → `5 s`: an axis has round values. */
function short(text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D*$)/, (_, kept: string) => (kept === "." ? "" : kept))
}
