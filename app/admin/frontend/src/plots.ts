// What the four charts draw, out of the columns of the history: which series, in which order and colour. Pure.

import { amount, latency } from "./format"
import type { Columns } from "./history"
import { OUTCOME, outcome } from "./outcomes"

/** `values` stand beside the times of the columns; null where nothing was measured. */
export interface Series {
  key: string
  label: string
  colour: string // name of a custom property; one colour has one meaning on the whole page
  values: readonly (number | null)[]
  dash?: number[]
}

export interface Plot {
  id: string
  title: string
  unit: string
  stacked: boolean
  /** Durations span decades: on a linear axis all but the slowest are a flat line. */
  logarithmic: boolean
  /** The axis never ends below this, so that a few requests do not look like a flood. */
  atLeast: number
  format: (value: number) => string
  of: (columns: Columns) => Series[]
  empty: string
}

export const PLOTS: Plot[] = [
  {
    id: "outcomes",
    title: "Requests by outcome",
    unit: "per second",
    stacked: true,
    logarithmic: false,
    atLeast: 4,
    format: amount,
    of: outcomes,
    empty: "No requests in this window",
  },
  {
    id: "latency",
    title: "Latency",
    unit: "over 10 s, first byte in to last byte out",
    stacked: false,
    logarithmic: true,
    atLeast: 0.01,
    format: latency,
    of: quantiles,
    empty: "No requests in this window",
  },
  {
    id: "limits",
    title: "Rate limits",
    unit: "decisions per second by rule",
    stacked: false,
    logarithmic: false,
    atLeast: 4,
    format: amount,
    of: decisions,
    empty: "No limit was checked in this window",
  },
  {
    id: "connections",
    title: "Connections",
    unit: "at the end of each second",
    stacked: false,
    logarithmic: false,
    atLeast: 4,
    format: amount,
    of: connections,
    empty: "No connections in this window",
  },
]

const OUTCOME_ORDER = Object.keys(OUTCOME) // what went well at the bottom, what went wrong on top of it

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

const LEAST_S = 1e-4 // a logarithmic axis has no zero

function quantiles({ columns }: Columns): Series[] {
  const seconds = (name: string) =>
    (columns.get(name) ?? []).map((ms) => (ms === null ? null : Math.max(ms / 1000, LEAST_S)))
  return [
    { key: "p50", label: "p50", colour: "--c-p50", values: seconds("p50Ms") },
    { key: "p90", label: "p90", colour: "--c-p90", values: seconds("p90Ms") },
    { key: "p99", label: "p99", colour: "--c-p99", values: seconds("p99Ms") },
  ]
}

/** Rules are told apart by their lines, for colours say what was decided; with more rules lines repeat. */
const RULE_DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4], [2, 6]]

function decisions({ columns, stepS, t }: Columns): Series[] {
  const zeros = t.map(() => 0)
  const ids = [...columns.keys()].flatMap((name) => /^limit\.(.*)\.allowed$/.exec(name)?.[1] ?? [])
  return ids.flatMap((id, i) => [
    {
      key: `${id} allowed`,
      label: `${id} allowed`,
      colour: "--c-ok",
      values: perSecond(columns.get(`limit.${id}.allowed`), stepS),
      dash: RULE_DASHES[i % RULE_DASHES.length]!,
    },
    {
      key: `${id} limited`,
      label: `${id} limited`,
      colour: "--c-violet",
      values: perSecond(columns.get(`limit.${id}.limited`) ?? zeros, stepS),
      dash: RULE_DASHES[i % RULE_DASHES.length]!,
    },
  ])
}

const DASHED = [4, 3]

function connections({ columns, t }: Columns): Series[] {
  const named: [key: string, label: string, colour: string, dash?: number[]][] = [
    ["clients", "client connections", "--c-moss"],
    ["tunnels", "of them WebSockets", "--c-moss", DASHED],
    ["inFlight", "requests in flight", "--c-ink"],
    ["upstreamActive", "upstream connections in use", "--c-clay"],
    ["upstreamIdle", "upstream connections idle", "--c-clay", DASHED],
  ]
  return named.map(([key, label, colour, dash]) => ({
    key,
    label,
    colour,
    values: columns.get(key) ?? t.map(() => 0),
    ...(dash && { dash }),
  }))
}

function perSecond(values: readonly (number | null)[] | undefined, stepS: number): (number | null)[] {
  return (values ?? []).map((value) => (value === null ? null : value / stepS))
}

/** The places [begin, end) of `times` (rising) inside [fromMs, toMs]. */
export function inside(times: readonly number[], fromMs: number, toMs: number): [begin: number, end: number] {
  const begin = times.findIndex((at) => at >= fromMs)
  if (begin === -1) return [times.length, times.length]
  const after = times.findIndex((at) => at > toMs)
  return [begin, after === -1 ? times.length : after]
}

/** Those of `series` that were ever more than nothing at these places, in their order. */
export function occurred(series: Series[], [begin, end]: [number, number]): Series[] {
  return series.filter(({ values }) => {
    for (let i = begin; i < end; i++) if (values[i]) return true
    return false
  })
}

/** What an empty plot says: nothing happened, or what happened is not kept any more. */
export function emptyWords(plot: Plot, times: readonly number[], toMs: number): string {
  return times.length > 0 && toMs < times[0]! ? "Nothing is kept from this time" : plot.empty
}
