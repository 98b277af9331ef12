// What the charts show, as a file to keep: CSV for a spreadsheet, JSON for a program. Pure.

import type { Columns, Transition } from "./history"
import { inside } from "./plots"
import type { Edit, Identity } from "./protocol"

/** The window [fromMs, toMs] of one gateway: its series, what its breakers did, what edits changed. */
export interface Excerpt {
  identity: Identity
  version: string
  fromMs: number
  toMs: number
  columns: Columns
  transitions: readonly Transition[]
  edits: readonly Edit[]
}

export function asJson(excerpt: Excerpt, nowMs: number): string {
  const { identity, version, fromMs, toMs, columns, transitions } = excerpt
  const [begin, end] = inside(columns.t, fromMs, toMs)
  const series = [...columns.columns].map(([name, values]) => [name, values.slice(begin, end)] as const)
  const content = {
    gateway: { ...identity, version },
    exportedAt: iso(nowMs),
    from: iso(fromMs),
    to: iso(toMs),
    series: {
      stepS: columns.stepS,
      t: columns.t.slice(begin, end).map(iso),
      columns: Object.fromEntries(series),
    },
    transitions: transitions.filter(({ at }) => within(at, excerpt)).map((one) => ({ ...one, at: iso(one.at) })),
    edits: excerpt.edits
      .filter(({ at }) => within(at, excerpt))
      .map((one) => ({ ...one, at: iso(one.at) }))
      .reverse(),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

const EVENT_COLUMNS = ["time", "pod", "event", "subject", "detail"]

/** A row for each step, and one for each transition and change of a setting, in the order of time (RFC 4180). */
export function asCsv(excerpt: Excerpt): string {
  const { columns, fromMs, toMs } = excerpt
  const pod = podOf(excerpt.identity)
  const [begin, end] = inside(columns.t, fromMs, toMs)
  const series = [...columns.columns.values()]
  const blank = series.map(() => "")
  const rows: [number, string[]][] = []
  for (let i = begin; i < end; i++) {
    rows.push([columns.t[i]!, ["", "", "", ...series.map((values) => number(values[i]))]])
  }
  for (const [at, event, subject, detail] of happened(excerpt)) {
    if (within(at, excerpt)) rows.push([at, [event, safe(subject), safe(detail), ...blank]])
  }
  rows.sort(([a], [b]) => a - b)
  const lines = [
    [...EVENT_COLUMNS, ...[...columns.columns.keys()].map(safe)],
    ...rows.map(([at, cells]) => [iso(at), safe(pod), ...cells]),
  ]
  return lines.map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("")
}

/** `tidegate-shop-gw-1-20261127T140512Z.csv`: whose it is, and the end of the window. */
export function fileName({ identity, toMs }: Excerpt, ending: string): string {
  const whose = podOf(identity).replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 120)
  const until = iso(toMs).replace(/\.\d+/, "").replace(/[-:]/g, "")
  return `tidegate-${whose}-${until}.${ending}`
}

function* happened({ transitions, edits }: Excerpt): Generator<[number, string, string, string]> {
  for (const { at, breaker, from, to, reason, error } of transitions) {
    yield [at, `breaker_${to}`, breaker, `${from} to ${to}: ${reason}${error && `, ${error}`}`]
  }
  for (const { at, source, changes } of edits) {
    for (const { target, stanza, field, old, new: value, policy } of changes) {
      const from = policy === null ? source : `${source} ${policy}`
      yield [at, "edit", `${target} ${stanza}.${field}`, `${text(old)} to ${text(value)}, from ${from}`]
    }
  }
}

function podOf({ namespace, pod }: Identity): string {
  return namespace === null ? pod : `${namespace}/${pod}`
}

function within(at: number, { fromMs, toMs }: Excerpt): boolean {
  return at >= fromMs && at <= toMs
}

function text(value: unknown): string {
  return value === null || value === undefined ? "unset" : typeof value === "string" ? value : JSON.stringify(value)
}

function number(value: number | null | undefined): string {
  return value === null || value === undefined ? "" : String(value)
}

/** A spreadsheet must not take a name for a formula. */
function safe(cell: string): string {
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

function iso(ms: number): string {
  return new Date(Math.round(ms)).toISOString()
}
