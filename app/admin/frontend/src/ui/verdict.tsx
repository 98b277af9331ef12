// The state of things in one sentence, for eyes and for screen readers; below it what else is wrong, the worst first.

import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"
import { nowMs } from "../clock"
import { concerning } from "../decisions"
import { amount, moment } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { showEdit } from "../picked_edit"
import { brief, detail, headline, leadText, nameOf, places, sentence, type Tone, tone } from "../problems"
import type { Breaker, Problem, State } from "../protocol"
import { cause, STATE_WORD } from "../words"
import { DecisionsLink } from "./decisions_link"
import { Mark } from "./mark"
import { reveal } from "./reveal"
import { Ticking } from "./ticking"

const SHAPE: Record<Tone, State> = { bad: "open", warn: "half_open", drilled: "open" }
const MOST_LISTED = 4

export function Verdict() {
  const ready = useModel((model) => model.gateway !== null)
  const lost = useModel((model) => model.link.status === "lost")
  const breakers = useModel((model) => model.breakers)
  const { total, rows } = useModel((model) => model.panels.problems)
  const [first, ...others] = rows
  if (!ready || !first) return <Calm ready={ready} lost={lost} />
  return (
    <div class={`verdict verdict-${lost ? "unknown" : tone(first)}`} data-verdict={first.kind}>
      {lost ? <Unknown /> : <Mark state={SHAPE[tone(first)]} />}
      <div>
        <h1>
          {lost && LAST_KNOWN}
          <Ticking text={() => headline(first, breakers)} />
        </h1>
        <Detail problem={first} />
        {others.length > 0 && <Others problems={others} more={total - 1} />}
      </div>
    </div>
  )
}

// What was true when the feed stopped may not be true now: neither its colour nor its tick stays.
const LAST_KNOWN = "Last known: "

function Unknown() {
  return <span class="mark mark-unknown" aria-hidden="true" />
}

function Calm({ ready, lost }: { ready: boolean; lost: boolean }) {
  const breakers = useModel((model) => model.breakers)
  const quiet = useModel((model) => model.traffic?.total === 0)
  const sequence = useModel((model) => model.gateway?.configSequence)
  const appliedAt = useModel((model) => model.gateway?.configAppliedAt)
  const said = [calm(breakers)]
  if (quiet) said.push("no requests in the last 10 s")
  if (sequence !== undefined) said.push(`configuration ${sequence} in force${appliedAt ? ` since ${moment(appliedAt, nowMs())}` : ""}`)
  return (
    <div class={`verdict verdict-${ready ? "well" : "unknown"}`} data-verdict={ready ? "well" : "unknown"}>
      {ready && !lost ? <Mark state="closed" /> : <Unknown />}
      <div>
        <h1>
          {lost && ready && LAST_KNOWN}
          {ready ? "All well" : lost ? "No connection to the gateway" : "Connecting to the gateway …"}
        </h1>
        <p>{ready ? said.join(" · ") : "\u00a0"}</p>
      </div>
    </div>
  )
}

function calm(breakers: ReadonlyMap<string, Breaker>): string {
  const counting = [...breakers.values()].filter((one) => one.failuresInRow > 0)
  const [first] = counting
  if (first && counting.length === 1) return `${first.name}: ${first.failuresInRow} failure${first.failuresInRow === 1 ? "" : "s"} in a row`
  if (first) return `${counting.length} of ${breakers.size} breakers have recent failures`
  if (breakers.size === 0) return "No breakers"
  return breakers.size === 1 ? "The breaker is closed" : `All ${breakers.size} breakers are closed`
}

function Detail({ problem }: { problem: Problem }) {
  const breaker = useModel((model) => model.breakers.get(problem.subject))
  const edits = useModel((model) => model.panels.edits)
  const wanted = concerning(problem)
  const { edit } = problem
  return (
    <p class="verdict-detail">
      <span>
        <Ticking text={() => detail(problem, breaker, edits)} />
      </span>{" "}
      <Lead problem={problem}>{leadText(problem)}</Lead>
      {wanted && (
        <>
          {" "}
          <DecisionsLink wanted={wanted} of={nameOf(problem)} />
        </>
      )}
      {edit && (
        <>
          {" "}
          <button type="button" class="link" onClick={() => showEdit(edit.sequence)}>
            Show the edit
          </button>
        </>
      )}
    </p>
  )
}

function Others({ problems, more }: { problems: readonly Problem[]; more: number }) {
  const [all, setAll] = useState(false)
  const shown = all ? problems : problems.slice(0, MOST_LISTED)
  const hidden = more - shown.length
  return (
    <>
      <ol class="verdict-others" aria-label="Other problems, the worst first">
        {shown.map((problem) => (
          <li key={`${problem.kind} ${problem.subject}`} data-problem={problem.kind}>
            <Mark state={SHAPE[tone(problem)]} />
            <Lead problem={problem}>
              <Ticking text={() => brief(problem)} />
            </Lead>
            {problem.lostPerS > 0 && <span class="num"> {amount(problem.lostPerS)}/s lost</span>}
          </li>
        ))}
      </ol>
      {all && hidden > 0 && <p>and {hidden} more</p>}
      {problems.length > MOST_LISTED && (
        <button type="button" class="quiet" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show fewer problems" : `Show ${Math.min(hidden, problems.length - shown.length)} more problems`}
        </button>
      )}
    </>
  )
}

/** A link to what a problem is about. */
function Lead({ problem, children }: { problem: Problem; children: ComponentChildren }) {
  const fallback = places(problem).at(-1)!
  const go = (event: MouseEvent) => {
    event.preventDefault()
    reveal(places(problem))
  }
  return (
    <a href={fallback} onClick={go}>
      {children}
    </a>
  )
}

/** Says news to those who do not see them: breakers that moved, and problems of other kinds that began. */
export function Announcer() {
  const breakers = useModel((model) => model.breakers)
  const rows = useModel((model) => model.panels.problems.rows)
  const announced = useRef(new Map<string, string>())
  const listed = useRef<Set<string> | null>(null)
  const [text, setText] = useState("")
  useEffect(() => {
    const news: string[] = []
    for (const { name, state, reason } of breakers.values()) {
      const before = announced.current.get(name)
      if (before !== undefined && before !== state) news.push(`${name} is ${STATE_WORD[state].toLowerCase()}: ${cause(reason)}.`)
      announced.current.set(name, state)
    }
    const now = new Map(rows.filter(({ kind }) => kind !== "breaker").map((one) => [`${one.kind} ${one.subject}`, one]))
    const before = listed.current
    listed.current = new Set(now.keys())
    if (before) news.push(...[...now].filter(([key]) => !before.has(key)).map(([, one]) => `${sentence(one)}.`))
    if (news.length > 3) setText(`${news.length} changes. ${news.slice(0, 2).join(" ")}`)
    else if (news.length) setText(news.join(" "))
  }, [breakers, rows])
  return (
    <p class="hidden" aria-live="polite" data-announcer>
      {text}
    </p>
  )
}
