// What became of single requests: the last decisions, narrowed and followed, and each of them told in sentences.

import { useState } from "preact/hooks"
import { useCell } from "../cell"
import { reach, REASONS, type Row } from "../decisions"
import { useEffect, useModel, useRef } from "../hooks"
import { outcome } from "../outcomes"
import { type DecisionFilter, decisionFilter, inspect, inspections } from "../page"
import { ANY_DECISION } from "../page_url"
import type { DecisionReply } from "../protocol"
import { command } from "../socket"
import { capital } from "../words"
import { DecisionRow, Explained } from "./decision_row"
import { useDecisions } from "./following"
import { useAttention } from "./held"

export function Decisions() {
  const filter = useCell(decisionFilter)
  const asked = useCell(inspections)
  const title = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (asked === 0) return
    title.current?.scrollIntoView({ block: "start" })
    title.current?.focus({ preventScroll: true })
  }, [asked])
  return (
    <section class="panel decisions" aria-labelledby="decisions-title">
      <div class="section-head">
        <h2 id="decisions-title" ref={title} tabIndex={-1}>
          Decisions
        </h2>
        {filter === null ? (
          <>
            <p class="hint">What became of single requests, and why</p>
            <button type="button" class="quiet decisions-toggle" onClick={() => inspect({})}>
              Show the last ones
            </button>
          </>
        ) : (
          <button type="button" class="quiet decisions-toggle" onClick={() => (decisionFilter.value = null)}>
            Hide
          </button>
        )}
      </div>
      {filter !== null && <Inspector filter={filter} />}
    </section>
  )
}

function Inspector({ filter }: { filter: DecisionFilter }) {
  const [opened, setOpened] = useState<string | null>(null)
  const [found, setFound] = useState<DecisionReply | null>(null)
  const [paused, setPaused] = useState(false)
  const list = useRef<HTMLDivElement>(null)
  const rows = useRef<HTMLOListElement>(null)
  const held = useAttention(rows)
  useEffect(() => setOpened(null), [filter]) // the one that was open may not be among what comes
  const { shown, fault } = useDecisions(filter, list, paused || held || opened !== null)
  const state = paused ? "Paused" : opened !== null ? "Held while one is open" : held ? "Held while you point at it" : ""
  return (
    <>
      <div class="decisions-tools">
        <Narrow filter={filter} rows={shown?.rows ?? []} />
        <Find onFound={setFound} />
      </div>
      <Found reply={found} onClose={() => setFound(null)} />
      <div class="decisions-state">
        <p class="hint">{fault ? capital(fault) : shown ? reach(shown.kept, shown.oldest) : "Asking the gateway …"}</p>
        <p class="hint decisions-held" aria-hidden="true">
          {state}
        </p>
        {Object.values(filter).some(Boolean) && (
          <button type="button" class="quiet" onClick={() => (decisionFilter.value = ANY_DECISION)}>
            Show all
          </button>
        )}
        <button type="button" class={paused ? "strong" : "quiet"} aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {paused ? "Go on" : "Pause"}
        </button>
      </div>
      <div class="decisions-list" ref={list}>
        {shown && shown.rows.length > 0 && (
          <p class="decision-line decisions-names" aria-hidden="true">
            <span>Time</span>
            <span>Ended</span>
            <span>Route</span>
            <span>Client</span>
            <span>Method</span>
            <span>Took</span>
            <span>Went to</span>
          </p>
        )}
        <ol ref={rows}>
          {shown?.rows.map((row) => (
            <DecisionRow
              key={`${row.decision.at} ${row.decision.requestId}`}
              row={row}
              isOpen={opened === rowKey(row)}
              onToggle={() => setOpened(opened === rowKey(row) ? null : rowKey(row))}
            />
          ))}
        </ol>
        {shown && shown.rows.length === 0 && <p class="empty">{emptyText(filter, shown.kept)}</p>}
      </div>
    </>
  )
}

function rowKey({ decision }: Row): string {
  return `${decision.at} ${decision.requestId}`
}

function emptyText(filter: DecisionFilter, kept: number): string {
  if (kept === 0) return "They come with the first request."
  return Object.values(filter).some(Boolean) ? "None of them matches." : "There are none."
}

/** Asks for one by its request's id. */
function Find({ onFound }: { onFound: (reply: DecisionReply | null) => void }) {
  const find = async (event: SubmitEvent) => {
    event.preventDefault()
    const id = String(new FormData(event.currentTarget as HTMLFormElement).get("request") ?? "").trim()
    onFound(id === "" ? null : ((await command("decision", { requestId: id })) as DecisionReply))
  }
  return (
    <form class="decisions-find" onSubmit={find} role="search" aria-label="Find one decision">
      <label>
        Request ID
        <input name="request" type="search" placeholder="X-Request-ID" autocomplete="off" spellcheck={false} />
      </label>
      <button type="submit" class="quiet">
        Find
      </button>
    </form>
  )
}

function Found({ reply, onClose }: { reply: DecisionReply | null; onClose: () => void }) {
  return (
    <div role="status" class="decisions-found">
      {reply && !reply.ok && <p class="notice">{capital(reply.error?.detail ?? "not found")}.</p>}
      {reply?.ok && (
        <div class="decision-found">
          <Explained decision={reply.decision} sentences={reply.sentences} />
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
        </div>
      )}
    </div>
  )
}

/** The row of filters; all of them must hold. */
function Narrow({ filter, rows }: { filter: DecisionFilter; rows: readonly Row[] }) {
  const routes = useModel((model) => [...model.routes.keys()].join("\n")).split("\n")
  const breakers = useModel((model) => [...model.breakers.keys()].join("\n")).split("\n")
  const policies = [...new Set(rows.flatMap(({ decision }) => decision.policy ?? []))]
  const clients = [...new Set(rows.flatMap(({ decision }) => decision.client ?? []))]
  const set = (name: keyof DecisionFilter) => (value: string) =>
    (decisionFilter.value = { ...ANY_DECISION, ...decisionFilter.value, [name]: value })
  const reasons = filter.reason === "" || REASONS.includes(filter.reason) ? REASONS : [...REASONS, filter.reason]
  return (
    <div class="decisions-narrow" role="group" aria-label="Narrow the decisions">
      <label>
        Reason
        <select value={filter.reason} onChange={(event) => set("reason")(event.currentTarget.value)}>
          <option value="">any</option>
          {reasons.map((word) => (
            <option key={word} value={word}>
              {outcome(word).label}
            </option>
          ))}
        </select>
      </label>
      <Text name="Route" value={filter.route} known={routes} onText={set("route")} />
      <Text name="Client" value={filter.client} known={clients} onText={set("client")} />
      <Text name="Breaker" value={filter.breaker} known={breakers} onText={set("breaker")} />
      <Text name="Policy" value={filter.policy} known={policies} onText={set("policy")} />
    </div>
  )
}

const SETTLED_MS = 300

/** Takes effect shortly after the last key, and shows what is typed all along; `known` are proposals. */
function Text({ name, value, known, onText }: { name: string; value: string; known: string[]; onText: (text: string) => void }) {
  const timer = useRef(0)
  const [typed, setTyped] = useState<string | null>(null)
  const own = useRef(value) // what this field put in force last
  const later = (text: string) => {
    setTyped(text)
    clearTimeout(timer.current)
    timer.current = window.setTimeout(() => onText((own.current = text.trim())), SETTLED_MS)
  }
  useEffect(() => {
    if (value === own.current) return
    // Somebody else has set it: what was typed before is over.
    own.current = value
    clearTimeout(timer.current)
    setTyped(null)
  }, [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  const id = `known-${name.toLowerCase()}`
  return (
    <label>
      {name}
      <input
        type="search"
        list={id}
        value={typed ?? value}
        placeholder="any"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => later(event.currentTarget.value)}
      />
      <datalist id={id}>
        {known.slice(0, 200).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </label>
  )
}
