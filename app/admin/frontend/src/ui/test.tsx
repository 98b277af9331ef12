// The breaker test: drives the demo upstream through closed, open, half-open, closed, and tells each step.

import { useCell, Cell } from "../cell"
import { nowMs } from "../clock"
import { timeOfDay } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { drillCommand, testPanelOpen } from "../page"
import type { Run, State, Step } from "../protocol"
import { command } from "../socket"
import { capital, countdown, STATE_WORD } from "../words"
import { Mark } from "./mark"
import { Ticking } from "./ticking"

const rejection = new Cell("")
const askedHere = new Cell(0) // how often

export async function runTest(): Promise<void> {
  testPanelOpen.value = true
  askedHere.value++
  rejection.value = ""
  const reply = await command("test.start")
  if (!reply.ok && reply.error?.code !== "test_running") rejection.value = reply.error?.detail ?? "rejected"
}

/** Runs the test where there is a demo upstream; elsewhere a quiet button offers a drill. */
export function TestButton() {
  const test = useModel((model) => model.test)
  const live = useModel((model) => model.link.status === "live")
  const running = test?.run?.state === "running"
  if (test && !test.available) {
    return (
      <button
        type="button"
        class="quiet"
        disabled={!live}
        title={test.why}
        onClick={() => (drillCommand.value = { kind: "start", breaker: null })}
      >
        Start a drill …
      </button>
    )
  }
  return (
    <button type="button" class="primary" disabled={!live || running || !test} onClick={runTest}>
      {running ? "Test is running …" : "Run circuit breaker test"}
    </button>
  )
}

export function TestPanel() {
  const open = useCell(testPanelOpen)
  const rejected = useCell(rejection)
  const test = useModel((model) => model.test)
  const run = test?.run ?? null
  const running = run?.state === "running"
  const title = useRef<HTMLHeadingElement>(null)
  const asked = useCell(askedHere)
  useEffect(() => {
    if (running) testPanelOpen.value = true // also when another viewer began it
  }, [running])
  useEffect(() => {
    if (open && asked) title.current?.focus() // not when another viewer began it
  }, [open, asked])
  const panel = useRef<HTMLElement>(null)
  const at = run?.steps.find((step) => step.state === "running")?.id ?? run?.state
  useEffect(() => follow(panel.current, at), [at])
  if (!open) return null
  return (
    <section class="panel test" aria-labelledby="test-title" ref={panel}>
      <div class="section-head">
        <h2 id="test-title" ref={title} tabIndex={-1}>
          Circuit breaker test
        </h2>
        <button type="button" class="quiet" onClick={() => (testPanelOpen.value = false)} aria-label="Close the test">
          Close
        </button>
      </div>
      {test?.breaker && <Diagram name={test.breaker} />}
      {rejected && (
        <p class="notice notice-bad" role="alert">
          {rejected}
        </p>
      )}
      {run ? <Narration run={run} /> : !rejected && <p class="empty">Begins …</p>}
    </section>
  )
}

const AHEAD_PX = 48

/** Scrolls the panel, never the page, to the step under way; back to the result at the end. */
function follow(panel: HTMLElement | null, at: string | undefined): void {
  if (!panel) return
  const step = panel.querySelector(`[data-step="${at}"]`)
  if (!step) return panel.scrollTo({ top: 0 })
  const below = step.getBoundingClientRect().bottom + AHEAD_PX - panel.getBoundingClientRect().bottom
  if (below > 0) panel.scrollBy({ top: below })
}

const WAY: State[] = ["closed", "open", "half_open"]

/** The three states as a way round; the one that the breaker is in stands out. */
function Diagram({ name }: { name: string }) {
  const state = useModel((model) => model.breakers.get(name)?.state)
  return (
    <div class="diagram" role="img" aria-label={`${name} is ${state ? STATE_WORD[state].toLowerCase() : "unknown"}`}>
      {WAY.map((one, i) => (
        <>
          {i > 0 && <span key={`to-${one}`} class="diagram-arrow" />}
          <span key={one} class={`diagram-node diagram-${one}${one === state ? " here" : ""}`}>
            <Mark state={one} />
            {STATE_WORD[one]}
          </span>
        </>
      ))}
      <span class="diagram-arrow diagram-back" />
    </div>
  )
}

function Narration({ run }: { run: Run }) {
  return (
    <>
      <p class={`result result-${run.state}`} role="status">
        {run.state === "running" ? `Began at ${timeOfDay(run.startedAt)}` : capital(run.result)}
      </p>
      <ol class="steps">
        {run.steps.map((step) => (
          <li key={step.id} class={`step step-${step.state}`} data-step={step.id} data-state={step.state}>
            <span class="step-mark" aria-hidden="true" />
            <div>
              <p class="step-title">
                {step.title} <span class="hidden">: {step.state}</span>
                <Left step={step} />
              </p>
              <StepLine word="Expected" text={step.expected} at={step.expectedAt} run={run} />
              <StepLine word="Seen" text={step.seen} at={step.seenAt} run={run} />
            </div>
          </li>
        ))}
      </ol>
    </>
  )
}

function StepLine({ word, text, at, run }: { word: string; text: string; at: number | null; run: Run }) {
  return (
    <p class="step-text">
      <span class="step-word">{word}</span>
      <span class="step-what">{unbroken(text) || "–"}</span>
      {at !== null && <time>{after(at, run)}</time>}
    </p>
  )
}

/** Without a line's end between a number and its unit. */
function unbroken(text: string): string {
  return text.replace(/(\d) s\b/g, "$1\u00a0s")
}

/** What is left until the step that is under way should be seen. */
function Left({ step: { state, expectedAt } }: { step: Step }) {
  if (state !== "running" || expectedAt === null) return null
  return (
    <span class="step-time">
      <Ticking text={() => (expectedAt > nowMs() ? `in ${countdown(expectedAt)}` : "now")} />
    </span>
  )
}

/** Time since the run began: `+10.02 s`. */
function after(at: number, run: Run): string {
  return `+${((at - run.startedAt) / 1000).toFixed(2)}\u00a0s`
}
