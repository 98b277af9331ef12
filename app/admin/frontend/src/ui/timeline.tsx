// The state timeline: its rows, its tools, what a band tells when it is picked, and the same as a table.

import { useState } from "preact/hooks"
import type { Band } from "../charts"
import { useCell } from "../cell"
import { pointed } from "../crosshair"
import { nowMs } from "../clock"
import { duration, instant, moment, timeOfDay } from "../format"
import { band, type Stay } from "../history"
import { useEffect, useModel, useRef } from "../hooks"
import { selection } from "../page"
import type { Breaker, State } from "../protocol"
import { byNeed } from "../standing"
import { read, transitions } from "../store"
import { cause, errorWord, STATE_WORD } from "../words"
import { bounds, show } from "../window"
import { useChart, useGestures } from "./chartbox"
import { Crosshair } from "./crosshair"
import { showFeed } from "./feed"
import { useAnchor, useAttention } from "./held"
import { Mark } from "./mark"
import { Spans } from "./spans"

/** So many rows at first, and so many where most breakers have never moved: their rows say nothing. */
const FEW = 12
const FEWEST = 6
const SAME_MS = 500 // of two instants that mean one band
const COARSE = matchMedia("(hover: none)").matches

/** Rows from the top: broken ones, then those that moved last, then by name. */
function rowsOf(breakers: ReadonlyMap<string, Breaker>): Breaker[] {
  return [...breakers.values()].sort(
    (a, b) =>
      byNeed(a, b) ||
      Number(transitions.count(b.name) > 0) - Number(transitions.count(a.name) > 0) ||
      (a.name < b.name ? -1 : 1),
  )
}

function hasMoved({ name, state }: Breaker): boolean {
  return state !== "closed" || transitions.count(name) > 0
}

/** Names of the rows to show. While somebody points at them they keep their places, and new ones come below. */
function useRows(total: number, all: boolean, hold: boolean): string[] {
  const wanted = useModel(({ breakers }) => {
    const sorted = rowsOf(breakers)
    const moved = sorted.filter(hasMoved).length
    const few = all || total <= FEW ? total : Math.min(FEW, Math.max(FEWEST, moved))
    return sorted.slice(0, few).map((one) => one.name).join("\n")
  })
  const kept = useRef<string[]>([])
  const names = wanted === "" ? [] : wanted.split("\n")
  if (!hold) kept.current = names
  else {
    const held = kept.current.filter((name) => read().breakers.has(name))
    kept.current = [...held, ...names.filter((name) => !held.includes(name))]
  }
  return kept.current
}

interface Picked {
  breaker: string
  stay: Stay
}

export function StateTimeline() {
  const total = useModel((model) => model.breakers.size)
  const revision = useModel((model) => model.transitionsRevision)
  const [all, setAll] = useState(false)
  const [picked, setPicked] = useState<Picked | null>(null)
  const chosen = useCell(selection)
  const body = useRef<HTMLDivElement>(null)
  const hold = useAttention(body)
  const shown = useRows(total, all, hold)
  useAnchor(body, hold)
  const order = shown.join("\n")
  const rowRem = total > FEW ? 1.375 : 1.875
  const stays = useRef(new Map<number, Picked>())
  const box = useRef<HTMLDivElement>(null)

  const rows = useRef(shown)
  rows.current = shown
  const { canvas, chart } = useChart(
    (charts, element) => {
      const made = new charts.Timeline(element, {
        title: (one) => title(stays.current.get(one.id)),
        lines: (one) => lines(stays.current.get(one.id)),
      })
      Object.assign(element, { chart: made.chart }) // for tests and the console
      return made
    },
    (drawn) => {
      const { fromMs, toMs } = bounds()
      const bands: Band[] = []
      stays.current.clear()
      rows.current.forEach((name, row) => {
        const breaker = read().breakers.get(name)
        if (!breaker) return
        for (const stay of transitions.stays(breaker, fromMs, toMs)) {
          const id = stay.id === 0 ? -1_000_000 - row : stay.id
          stays.current.set(id, { breaker: name, stay })
          bands.push({ ...band(stay, row), id })
        }
      })
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize)
      drawn.show(bands, rows.current.length, rowRem * rem, fromMs, toMs, nowMs())
    },
    [order, revision, all],
  )
  useGestures(box, () => chart.current)
  useEffect(() => chart.current?.pick(chosen?.bandId ?? null), [chosen])
  useEffect(() => {
    if (!chosen || chosen.bandId === null) setPicked(null)
  }, [chosen])

  const pick = (one: Picked | undefined, id: number) => {
    if (!one) return
    const { stay, breaker } = one
    setPicked(one)
    selection.value = { breaker, fromMs: stay.fromMs, toMs: stay.toMs, bandId: id }
  }
  useEffect(() => {
    if (!chosen || chosen.fromMs === null || chosen.bandId !== null) return // only a shared link has no band's id
    const breaker = read().breakers.get(chosen.breaker)
    if (!breaker) return
    const apart = (stay: Stay) => Math.abs(stay.fromMs - chosen.fromMs!)
    const [stay] = transitions.stays(breaker, 0, Infinity).sort((a, b) => apart(a) - apart(b))
    if (stay && stay.id !== 0 && apart(stay) < SAME_MS) pick({ breaker: chosen.breaker, stay }, stay.id)
  }, [chosen, revision])
  const click = (event: MouseEvent) => {
    if (box.current?.classList.contains("dragging") || !canvas.current) return
    const corner = canvas.current.getBoundingClientRect()
    const found = chart.current?.bandAt(event.clientX - corner.left, event.clientY - corner.top)
    if (found) pick(stays.current.get(found.id), found.id)
    else selection.value = null
  }
  return (
    <section class="panel timeline" aria-labelledby="timeline-title">
      <div class="section-head">
        <h2 id="timeline-title" tabIndex={-1}>State timeline</h2>
        <Legend />
        <Spans />
      </div>
      <div class="timeline-body" ref={body} style={{ "--row": `${rowRem}rem`, "--rows": String(Math.max(1, shown.length)) }}>
        <ul class="timeline-names">
          {shown.map((name) => (
            <RowName key={name} name={name} />
          ))}
        </ul>
        <div
          class="timeline-plot"
          ref={box}
          tabIndex={0}
          role="group"
          aria-label="State timeline of the breakers"
          aria-describedby="timeline-hint"
          onClick={click}
        >
          <canvas ref={canvas} id="timeline" role="img" aria-label="The same is in the table below" />
          <Crosshair plot={() => chart.current} says />
        </div>
      </div>
      <div class="timeline-foot">
        <div class="timeline-detail" data-picked={picked ? picked.breaker : ""}>
          {picked ? (
            <PickedBand picked={picked} />
          ) : (
            <p id="timeline-hint" class="hint">
              {COARSE
                ? "Tap a band for its cause and its events. Drag to move, pinch to zoom."
                : "Point at a band for its cause, click it for its events. Drag or ←, → to move; Ctrl and wheel, pinch or +, − to zoom."}
            </p>
          )}
        </div>
        {total > FEW && (
          <button type="button" class="quiet more" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Show fewer" : `Show all ${total} breakers`}
          </button>
        )}
      </div>
      <Table onPick={(one) => {
        show(one.stay.fromMs, one.stay.toMs ?? nowMs())
        pick(one, one.stay.id)
      }} />
    </section>
  )
}

function RowName({ name }: { name: string }) {
  const state = useModel((model) => model.breakers.get(name)?.state ?? "closed")
  const at = useCell(pointed)
  return (
    <li>
      <button
        type="button"
        title={name}
        aria-label={`${name}, ${STATE_WORD[state].toLowerCase()}: its events`}
        onClick={() => {
          selection.value = { breaker: name, fromMs: null, toMs: null, bandId: null }
          showFeed()
        }}
      >
        <Mark state={at === null ? state : stateAt(name, at)} />
        <bdi>{name}</bdi>
      </button>
    </li>
  )
}

/** The state of a breaker at an instant: that of the first band known where the instant is before it. */
function stateAt(name: string, atMs: number): State {
  const breaker = read().breakers.get(name)
  if (!breaker) return "closed"
  return (transitions.stays(breaker, atMs, atMs).at(-1) ?? transitions.stays(breaker, 0, Infinity)[0])?.state ?? breaker.state
}

function Legend() {
  return (
    <ul class="timeline-legend" aria-hidden="true">
      {(["closed", "half_open", "open"] as const).map((state) => (
        <li key={state}>
          <i class={`swatch swatch-${state}`} /> {STATE_WORD[state]}
        </li>
      ))}
      <li>
        <i class="swatch swatch-forced" /> Drill
      </li>
    </ul>
  )
}

function title(one: Picked | undefined): string {
  if (!one) return ""
  const { began, state } = one.stay
  const way = began ? `${STATE_WORD[began.from]} → ${STATE_WORD[began.to]}` : STATE_WORD[state]
  return `${one.breaker}: ${way}`
}

function lines(one: Picked | undefined): string[] {
  if (!one) return []
  const { began, ended, fromMs, toMs } = one.stay
  const lines = [
    toMs === null
      ? `since ${moment(fromMs, nowMs())}, for ${duration(nowMs() - fromMs, true)}`
      : `${timeOfDay(fromMs, true)} to ${timeOfDay(toMs, true)}, ${duration(toMs - fromMs, true)}`,
  ]
  if (began) lines.push(`because ${cause(began.reason)} (${began.reason})`)
  if (began?.error) lines.push(`last error: ${errorWord(began.error)}`)
  if (ended) lines.push(`then ${STATE_WORD[ended.to]}: ${cause(ended.reason)} (${ended.reason})`)
  return lines
}

function PickedBand({ picked }: { picked: Picked }) {
  return (
    <div class="picked" role="status">
      <p>
        <strong>
          <Mark state={picked.stay.state} /> {title(picked)}
        </strong>{" "}
        {lines(picked).join("; ")}
      </p>
      <span class="picked-tools">
        <button type="button" class="quiet picked-events" onClick={showFeed}>
          Events
        </button>
        <button type="button" class="quiet" onClick={() => (selection.value = null)}>
          Clear
        </button>
      </span>
    </div>
  )
}

const MOST_ROWS = 50

/** The last transitions, for reading and for the keyboard. */
function Table({ onPick }: { onPick: (one: Picked) => void }) {
  const [open, setOpen] = useState(false)
  useModel((model) => model.transitionsRevision)
  const rows: Picked[] = []
  if (open) {
    for (const breaker of read().breakers.values()) {
      for (const stay of transitions.stays(breaker, 0, Infinity)) if (stay.began) rows.push({ breaker: breaker.name, stay })
    }
    rows.sort((a, b) => b.stay.id - a.stay.id)
  }
  return (
    <details class="as-table" onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>Transitions as a table</summary>
      {open && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Transitions">
          <table>
            <thead>
              <tr>
                <th scope="col">At</th>
                <th scope="col">Breaker</th>
                <th scope="col">Transition</th>
                <th scope="col">Cause</th>
                <th scope="col">Last error</th>
                <th scope="col">For</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, MOST_ROWS).map((one) => (
                <tr key={one.stay.id}>
                  <td>
                    <button type="button" class="link" onClick={() => onPick(one)} title={`${instant(one.stay.fromMs)}: show it on the timeline`}>
                      {moment(one.stay.fromMs, nowMs())}
                    </button>
                  </td>
                  <td>
                    <bdi>{one.breaker}</bdi>
                  </td>
                  <td>
                    {STATE_WORD[one.stay.began!.from]} → {STATE_WORD[one.stay.began!.to]}
                  </td>
                  <td>{one.stay.began!.reason}</td>
                  <td>{one.stay.began!.error ? errorWord(one.stay.began!.error) : "–"}</td>
                  <td>{one.stay.toMs === null ? "lasts" : duration(one.stay.toMs - one.stay.fromMs, true)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {rows.length === 0 && <p class="empty">No breaker has moved since the gateway started.</p>}
        </div>
      )}
    </details>
  )
}
