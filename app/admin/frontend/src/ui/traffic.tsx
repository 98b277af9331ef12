// Four charts on the shared time: requests by outcome, latency, decisions of limits, connections.

import { useState } from "preact/hooks"
import { useCell } from "../cell"
import { nearest, pointed } from "../crosshair"
import { timeOfDay } from "../format"
import type { Columns } from "../history"
import { useModel, useRef } from "../hooks"
import { emptyWords, inside, occurred, type Plot, PLOTS, type Series } from "../plots"
import { series } from "../store"
import { bounds, timeWindow } from "../window"
import { useChart, useGestures } from "./chartbox"
import { Crosshair } from "./crosshair"
import { Export } from "./export"

export function Traffic() {
  return (
    <section class="traffic" aria-labelledby="traffic-title">
      <div class="section-head">
        <h2 id="traffic-title">Traffic</h2>
        <p class="hint">The time shown is that of the timeline.</p>
        <Export />
      </div>
      <div class="charts">
        {PLOTS.map((one) => (
          <TrafficChart key={one.id} plot={one} />
        ))}
      </div>
    </section>
  )
}

function TrafficChart({ plot }: { plot: Plot }) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  useModel((model) => model.seriesRevision)
  useCell(timeWindow)
  const { fromMs, toMs } = bounds()
  const columns = series.reaching(fromMs)
  const places = inside(columns.t, fromMs, toMs)
  const drawn = useOccurred(plot)
  const legend = drawn(columns, places)
  const box = useRef<HTMLDivElement>(null)
  const { canvas, chart } = useChart(
    (charts, element) => {
      const made = new charts.Lines(element, plot)
      Object.assign(element, { chart: made.chart }) // for tests and the console
      return made
    },
    (lines) => {
      const now = bounds()
      const columns = series.reaching(now.fromMs)
      const shown = drawn(columns, inside(columns.t, now.fromMs, now.toMs))
      lines.show(columns.t, shown, hidden, now.fromMs, now.toMs)
    },
    [hidden],
  )
  useGestures(box, () => chart.current)
  const toggle = (key: string) => {
    const next = new Set(hidden)
    if (!next.delete(key)) next.add(key)
    setHidden(next)
  }
  const isEmpty = legend.length === 0
  return (
    <figure class="panel chart" aria-labelledby={`chart-${plot.id}`}>
      <figcaption>
        <h3 id={`chart-${plot.id}`}>{plot.title}</h3>
        <span>{plot.unit}</span>
        <PointedAt columns={columns} />
      </figcaption>
      <div
        class={`chart-plot${isEmpty ? " chart-empty" : ""}`}
        ref={box}
        tabIndex={0}
        role="group"
        aria-label={`${plot.title}, ${plot.unit}`}
      >
        <canvas ref={canvas} id={`canvas-${plot.id}`} role="img" aria-label="The values are in the legend below" />
        {isEmpty && <p class="empty">{emptyWords(plot, columns.t, toMs)}</p>}
        <Crosshair plot={() => (isEmpty ? null : chart.current)} />
      </div>
      <Legend plot={plot} columns={columns} last={places[1] - 1} drawn={legend} hidden={hidden} onToggle={toggle} />
    </figure>
  )
}

/** The series of a plot that occurred at some places of the columns; found once for the legend and the drawing. */
function useOccurred(plot: Plot): (columns: Columns, places: [number, number]) => Series[] {
  const last = useRef<{ columns: Columns; of: string; found: Series[] } | null>(null)
  return (columns, places) => {
    const of = `${columns.t.at(-1)} ${columns.columns.size} ${places}` // columns grow in place
    if (last.current?.columns !== columns || last.current.of !== of) {
      last.current = { columns, of, found: occurred(plot.of(columns), places) }
    }
    return last.current.found
  }
}

/** Which step the values of the legend belong to, while a chart is pointed at. */
function PointedAt({ columns }: { columns: Columns }) {
  const at = useCell(pointed)
  const place = at === null ? -1 : placeAt(columns, at)
  return <time class="chart-at">{place === -1 ? "" : timeOfDay(columns.t[place]!)}</time>
}

interface LegendParts {
  plot: Plot
  columns: Columns
  /** The newest step of what is shown. */
  last: number
  drawn: Series[]
  hidden: ReadonlySet<string>
  onToggle: (key: string) => void
}

/** The series with their values: at the instant that is pointed at, else the newest shown. */
function Legend({ plot, columns, last, drawn, hidden, onToggle }: LegendParts) {
  const at = useCell(pointed)
  const place = at === null ? last : placeAt(columns, at)
  return (
    <ul class="legend" aria-label={`Series of ${plot.title}`}>
      {drawn.map(({ key, label, colour, dash, values }) => (
        <li key={key} data-series={key}>
          <button type="button" aria-pressed={!hidden.has(key)} onClick={() => onToggle(key)} title={label}>
            {plot.stacked ? (
              <i style={{ "--shade": `var(${colour})` }} />
            ) : (
              <svg class="legend-line" viewBox="0 0 24 8" style={{ "--shade": `var(${colour})` }} aria-hidden="true">
                <path d="M0 4h24" stroke-dasharray={(dash ?? []).join(" ")} />
              </svg>
            )}
            <span>{label}</span> <b>{values[place] == null ? "–" : plot.format(values[place])}</b>
          </button>
        </li>
      ))}
    </ul>
  )
}

function placeAt({ t, stepS }: Columns, atMs: number): number {
  return nearest(t, atMs, stepS * 1500)
}
