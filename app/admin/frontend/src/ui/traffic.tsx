// Four charts on the shared time: requests by outcome, latency, decisions of limits, connections.

import { useState } from "preact/hooks"
import type { Series } from "../charts"
import { amount, latency } from "../format"
import type { Columns } from "../history"
import { useModel, useRef } from "../hooks"
import { series } from "../store"
import { outcome } from "../words"
import { bounds } from "../window"
import { useChart, useGestures } from "./chartbox"

interface Chart {
  id: string
  title: string
  unit: string
  stacked: boolean
  atLeast: number
  format: (value: number) => string
  of: (columns: Columns) => Series[]
  empty: string
}

const CHARTS: Chart[] = [
  {
    id: "outcomes",
    title: "Requests by outcome",
    unit: "per second",
    stacked: true,
    atLeast: 4,
    format: amount,
    of: outcomes,
    empty: "No request yet.",
  },
  {
    id: "latency",
    title: "Latency",
    unit: "first byte in to last byte out",
    stacked: false,
    atLeast: 0.004,
    format: latency,
    of: percentiles,
    empty: "No request yet.",
  },
  {
    id: "limits",
    title: "Rate limits",
    unit: "decisions per second by rule",
    stacked: false,
    atLeast: 4,
    format: amount,
    of: decisions,
    empty: "No limit was asked yet.",
  },
  {
    id: "connections",
    title: "Connections",
    unit: "at the end of each second",
    stacked: false,
    atLeast: 4,
    format: amount,
    of: connections,
    empty: "No connection yet.",
  },
]

const OUTCOME_ORDER = ["ok", "client_gone"] // at the bottom; what went wrong lies on top of it

function outcomes({ columns, stepS }: Columns): Series[] {
  const found = [...columns.keys()].filter((name) => name.startsWith("outcome.")).map((name) => name.slice(8))
  const rank = (word: string) => OUTCOME_ORDER.indexOf(word) >>> 0
  found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  return found.map((word) => ({
    key: word,
    ...outcome(word),
    values: perSecond(columns.get(`outcome.${word}`), stepS),
  }))
}

function percentiles({ columns }: Columns): Series[] {
  const seconds = (name: string) => (columns.get(name) ?? []).map((ms) => (ms === null ? null : ms / 1000))
  return [
    { key: "p99", label: "p99", colour: "--c-violet", values: seconds("p99Ms") },
    { key: "p90", label: "p90", colour: "--c-blue", values: seconds("p90Ms") },
    { key: "p50", label: "p50", colour: "--c-ok", values: seconds("p50Ms") },
  ]
}

const RULE_COLOURS = ["--c-ok", "--c-blue", "--c-violet", "--c-brown", "--c-sky", "--c-plum"]

function decisions({ columns, stepS, t }: Columns): Series[] {
  const zeros = t.map(() => 0)
  const ids = [...columns.keys()].flatMap((name) => /^limit\.(.*)\.allowed$/.exec(name)?.[1] ?? [])
  return ids.slice(0, RULE_COLOURS.length).flatMap((id, i) => [
    {
      key: `${id} allowed`,
      label: `${id} allowed`,
      colour: RULE_COLOURS[i]!,
      values: perSecond(columns.get(`limit.${id}.allowed`), stepS),
    },
    {
      key: `${id} limited`,
      label: `${id} limited`,
      colour: i === 0 ? "--c-red" : RULE_COLOURS[i]!,
      values: perSecond(columns.get(`limit.${id}.limited`) ?? zeros, stepS),
      dash: [4, 3],
    },
  ])
}

function connections({ columns, t }: Columns): Series[] {
  const named: [string, string, string][] = [
    ["clients", "clients", "--c-blue"],
    ["inFlight", "requests in flight", "--c-ok"],
    ["upstreamActive", "to upstreams, in use", "--c-violet"],
    ["upstreamIdle", "to upstreams, idle", "--c-slate"],
    ["tunnels", "WebSockets", "--c-brown"],
  ]
  return named.map(([key, label, colour]) => ({ key, label, colour, values: columns.get(key) ?? t.map(() => 0) }))
}

function perSecond(values: (number | null)[] | undefined, stepS: number): (number | null)[] {
  return (values ?? []).map((value) => (value === null ? null : value / stepS))
}

export function Traffic() {
  return (
    <section class="traffic" aria-labelledby="traffic-title">
      <div class="section-head">
        <h2 id="traffic-title">Traffic</h2>
        <p class="hint">The time shown is that of the timeline.</p>
      </div>
      <div class="charts">
        {CHARTS.map((one) => (
          <TrafficChart key={one.id} chart={one} />
        ))}
      </div>
    </section>
  )
}

function TrafficChart({ chart: own }: { chart: Chart }) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  useModel((model) => model.seriesRevision)
  const columns = series.reaching(bounds().fromMs)
  const drawn = own.of(columns)
  const box = useRef<HTMLDivElement>(null)
  const { canvas, chart } = useChart(
    (charts, element) => {
      const made = new charts.Lines(element, own)
      Object.assign(element, { chart: made.chart }) // for tests and the console
      return made
    },
    (lines) => {
      const { fromMs, toMs } = bounds()
      const now = series.reaching(fromMs)
      lines.show(now.t, own.of(now), hidden, fromMs, toMs)
    },
    [hidden],
  )
  useGestures(box, () => {
    const lines = chart.current?.chart
    if (!lines) return null
    return { timeAt: (x) => lines.scales.x!.getValueForPixel(x) ?? 0, plotPx: () => lines.chartArea?.width || 1 }
  })
  const toggle = (key: string) => {
    const next = new Set(hidden)
    if (!next.delete(key)) next.add(key)
    setHidden(next)
  }
  return (
    <figure class="panel chart" aria-labelledby={`chart-${own.id}`}>
      <figcaption>
        <h3 id={`chart-${own.id}`}>{own.title}</h3>
        <span>{own.unit}</span>
      </figcaption>
      <div class="chart-plot" ref={box} tabIndex={0} role="group" aria-label={`${own.title}, ${own.unit}`}>
        <canvas ref={canvas} id={`canvas-${own.id}`} role="img" aria-label="The newest values are in the legend below" />
        {columns.t.length === 0 && <p class="empty">{own.empty}</p>}
      </div>
      <ul class="legend" aria-label={`Series of ${own.title}`}>
        {drawn.map((one) => (
          <li key={one.key}>
            <button type="button" aria-pressed={!hidden.has(one.key)} onClick={() => toggle(one.key)} title={one.label}>
              <i class={one.dash ? "dashed" : ""} style={{ "--shade": `var(${one.colour})` }} />
              <span>{one.label}</span> <b>{newest(one.values, own.format)}</b>
            </button>
          </li>
        ))}
      </ul>
    </figure>
  )
}

function newest(values: (number | null)[], format: (value: number) => string): string {
  const last = values.at(-1)
  return last === null || last === undefined ? "–" : format(last)
}
