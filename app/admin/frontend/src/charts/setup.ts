// The only door to Chart.js: what is registered, the colours of the page, the time axis.

import {
  BarController,
  BarElement,
  Chart,
  Filler,
  Interaction,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  type Scale,
  Tooltip,
} from "chart.js"
import { timeOfDay } from "../format"
import { timeTicks } from "./ticks"

Chart.register(
  BarController,
  BarElement,
  Filler,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
)
Chart.defaults.animation = false
Chart.defaults.font.family = '"Inter Variable", system-ui, sans-serif'
Chart.defaults.maintainAspectRatio = false
Chart.defaults.normalized = true
Chart.defaults.resizeDelay = 50

export { Chart, Interaction }

/** A colour of the page's style sheet, such as `--open-fill`, as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/** CSS pixels of the page's text, which grows on very large screens. */
export function fontPx(rem: number): number {
  return rem * parseFloat(getComputedStyle(document.documentElement).fontSize)
}

/** The x axis of every chart here: milliseconds since 1970, labelled as times of day. */
export function timeAxis() {
  return {
    type: "linear" as const,
    min: 0,
    max: 1,
    afterBuildTicks: (axis: Scale) => {
      axis.ticks = timeTicks(axis.min, axis.max, axis.width || 600, fontPx(4)).map((value) => ({ value }))
    },
    ticks: {
      maxRotation: 0,
      autoSkip: false,
      callback: (value: string | number) => {
        const at = Number(value)
        const text = timeOfDay(at)
        return at % 60_000 === 0 ? text.slice(0, 5) : text
      },
    },
  }
}

type Looks = Record<string, object | undefined>

export interface Dressable {
  config: { options?: object }
}

/** Puts the page's colours and sizes, as they are now, into a chart's options. */
export function dress(chart: Dressable): void {
  const text = colour("--muted")
  const line = colour("--grid")
  const size = fontPx(0.75)
  const options = (chart.config.options ??= {}) as Record<string, Looks> // as given: what is resolved takes no spread
  for (const axis of Object.values(options.scales ?? {}) as Looks[]) {
    axis.grid = { ...axis.grid, color: line, tickColor: line }
    axis.border = { ...axis.border, color: line, display: false }
    axis.ticks = { ...axis.ticks, color: text, font: { size } }
  }
  const plugins = (options.plugins ??= {})
  Object.assign((plugins.tooltip ??= {}), {
    backgroundColor: colour("--tip"),
    titleColor: colour("--tip-text"),
    bodyColor: colour("--tip-text"),
    footerColor: colour("--tip-muted"),
    titleFont: { size: fontPx(0.8125), weight: 600 },
    bodyFont: { size: fontPx(0.8125) },
    footerFont: { size: fontPx(0.75), weight: 400 },
    padding: fontPx(0.625),
    cornerRadius: 6,
    boxPadding: 4,
    displayColors: true,
    usePointStyle: true,
  })
}
