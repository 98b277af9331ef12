// What happened lately, newest first; it can be paused, and narrowed to a breaker or a band of the timeline.

import { useState } from "preact/hooks"
import { useCell } from "../cell"
import { type Fold, folded, foldDetail } from "../fold"
import { nowMs } from "../clock"
import { instant, moment, words } from "../format"
import { useModel, useReducer } from "../hooks"
import { selection, type Selection } from "../page"
import type { GatewayEvent } from "../protocol"
import { capital } from "../words"

const TONE: Record<string, string> = {
  breaker_opened: "open",
  breaker_half_opened: "half_open",
  breaker_closed: "closed",
  config_rejected: "open",
  store_down: "open",
  store_up: "closed",
  worker_ended: "open",
  worker_started: "closed",
  override_started: "forced",
  override_ended: "forced",
}
const WORD: Record<string, string> = {
  breaker_opened: "Opened",
  breaker_half_opened: "Half-open",
  breaker_closed: "Closed",
  config_applied: "Config applied",
  config_rejected: "Config rejected",
  override_started: "Drill began",
  override_ended: "Drill ended",
  store_down: "Store down",
  store_up: "Store up",
  worker_ended: "Worker ended",
  worker_started: "Worker back",
}
const GROUPS: [string, RegExp][] = [
  ["All", /./],
  ["Breakers", /^breaker_/],
  ["Drills", /^(override|test)_/],
  ["System", /^(config|store|gateway|drain|worker)_/],
]
const MOST_SHOWN = 150

export function Feed() {
  const events = useModel((model) => model.events)
  const chosen = useCell(selection)
  const [pausedAt, setPausedAt] = useState<readonly GatewayEvent[] | null>(null)
  const [group, setGroup] = useReducer((_: number, next: number) => next, 0)
  const source = pausedAt ?? events
  const missed = pausedAt ? events.filter((one) => one.id > (pausedAt.at(-1)?.id ?? 0)).length : 0
  const wanted = source.filter((one) => GROUPS[group]![1].test(one.kind) && (!chosen || belongs(one, chosen)))
  const shown = folded(wanted).slice(0, MOST_SHOWN)
  return (
    <section class="panel feed" aria-labelledby="feed-title">
      <div class="section-head">
        <h2 id="feed-title" tabIndex={-1}>Events</h2>
        <button
          type="button"
          class={pausedAt ? "strong" : "quiet"}
          aria-pressed={pausedAt !== null}
          onClick={() => setPausedAt(pausedAt ? null : events)}
        >
          {pausedAt ? `Go on${missed ? ` (${missed} new)` : ""}` : "Pause"}
        </button>
      </div>
      <div class="chips" role="group" aria-label="Show events by kind">
        {GROUPS.map(([label], i) => (
          <button key={label} type="button" class="chip" aria-pressed={group === i} onClick={() => setGroup(i)}>
            {label}
          </button>
        ))}
      </div>
      {chosen && (
        <p class="feed-chosen">
          <span>
            Only <bdi>{chosen.breaker}</bdi>
            {chosen.fromMs !== null && ` from ${moment(chosen.fromMs, nowMs())}`}
          </span>
          <button type="button" class="quiet" onClick={() => (selection.value = null)}>
            Show all
          </button>
        </p>
      )}
      <div class="feed-scroll" tabIndex={0} role="region" aria-label="List of events">
        <ol>
          {shown.map((one) =>
            one.kind === "fold" ? <Folded key={`fold ${one.id}`} fold={one} /> : <Line key={one.event.id} event={one.event} />,
          )}
        </ol>
        {shown.length === 0 && <p class="empty">{events.length === 0 ? "Nothing yet." : "No match"}</p>}
      </div>
    </section>
  )
}

function Line({ event }: { event: GatewayEvent }) {
  return (
    <li class={`event event-${TONE[event.kind] ?? "plain"}`} data-kind={event.kind}>
      <p class="event-head">
        <span class="event-dot" aria-hidden="true" />
        <strong>{WORD[event.kind] ?? capital(words(event.kind))}</strong>
        {event.subject && <bdi title={event.subject}>{subject(event)}</bdi>}
        <time dateTime={new Date(event.at).toISOString()} title={instant(event.at)}>{moment(event.at, nowMs())}</time>
      </p>
      {event.detail && <p class="event-detail">{inWords(event.detail)}</p>}
    </li>
  )
}

/** A breaker that opened again and again, in one line; what happened in between can be unfolded. */
function Folded({ fold }: { fold: Fold }) {
  const [open, setOpen] = useState(false)
  return (
    <li class="event event-open event-fold" data-kind="fold">
      <details open={open} onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
        <summary>
          <span class="event-head">
            <span class="event-dot" aria-hidden="true" />
            <strong>Re-opened {fold.times} times</strong>
            <bdi title={fold.breaker}>{fold.breaker}</bdi>
            <time dateTime={new Date(fold.lastMs).toISOString()} title={instant(fold.lastMs)}>{moment(fold.lastMs, nowMs())}</time>
          </span>
          <span class="event-detail">{foldDetail(fold, nowMs())}</span>
        </summary>
        {open && (
          <ol>
            {fold.events.map((one) => (
              <Line key={one.id} event={one} />
            ))}
          </ol>
        )}
      </details>
    </li>
  )
}

function inWords(detail: string): string {
  return detail.replace(/\bstatus_(\d{3})\b/g, "HTTP $1")
}

/** Brings the events into view where the page is so narrow that they stand at its end. */
export function showFeed(): void {
  const title = document.getElementById("feed-title")!
  const { top, bottom } = title.getBoundingClientRect()
  if (top >= 0 && bottom <= innerHeight) return
  title.scrollIntoView()
  title.focus({ preventScroll: true })
}

/** Of a file its name, which a long path would push out of sight. */
function subject(event: GatewayEvent): string {
  return event.kind.startsWith("config_") ? event.subject.replace(/^.*\//, "") : event.subject
}

const SLACK_MS = 250 // an event may carry the instant of the request before or after its transition

function belongs(event: GatewayEvent, chosen: Selection): boolean {
  if (event.subject !== chosen.breaker) return false
  if (chosen.fromMs !== null && event.at < chosen.fromMs - SLACK_MS) return false
  return chosen.toMs === null || event.at <= chosen.toMs + SLACK_MS
}
