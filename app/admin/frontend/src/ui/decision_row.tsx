// One decision: a line, and what it tells when it is opened.

import { useState } from "preact/hooks"
import { attemptSpan, decisionOutcome, type Row, took, wentTo } from "../decisions"
import { timeOfDay } from "../format"
import { useEffect } from "../hooks"
import { inspect } from "../page"
import type { Decision, DecisionReply } from "../protocol"
import { command } from "../socket"
import { capital, errorWord } from "../words"
import { CopyButton } from "./copy"

export function DecisionRow({ row, isOpen, onToggle }: { row: Row; isOpen: boolean; onToggle: () => void }) {
  const { decision, gap } = row
  const { label, colour, isBad } = decisionOutcome(decision)
  return (
    <li class={`decision${isBad ? " decision-bad" : ""}`} data-request={decision.requestId}>
      <button type="button" class="decision-line" aria-expanded={isOpen} onClick={onToggle}>
        <time dateTime={new Date(decision.at).toISOString()}>{timeOfDay(decision.at, true)}</time>
        <span class="decision-ended">
          <i style={{ background: `var(${colour})` }} aria-hidden="true" />
          <b>{decision.status || "–"}</b> <span>{label}</span>
        </span>
        <Cell name="route" text={decision.route} />
        <Cell name="client" text={decision.client} />
        <span class="decision-method">{decision.method}</span>
        <span class="decision-took">{took(decision.durationMs)}</span>
        <Cell name="at" text={wentTo(decision)} />
      </button>
      {isOpen && <Opened decision={decision} />}
      {gap > 0 && <p class="decision-gap">… {gap.toLocaleString("en")} more</p>}
    </li>
  )
}

function Cell({ name, text }: { name: string; text: string | null }) {
  return (
    <span class={`decision-${name}`} title={text ?? ""}>
      {text ? (
        <>
          <span class="hidden">{name} </span>
          <bdi>{text}</bdi>
        </>
      ) : (
        <span class="decision-none">–</span>
      )}
    </span>
  )
}

/** The sentences come from the gateway: `tidegate why` says the same. */
function Opened({ decision }: { decision: Decision }) {
  const [reply, setReply] = useState<DecisionReply | null>(null)
  useEffect(() => {
    let isOver = false
    command("decision", { requestId: decision.requestId }).then((came) => {
      if (!isOver) setReply(came as DecisionReply)
    })
    return () => {
      isOver = true
    }
  }, [decision.requestId])
  if (reply && !reply.ok) return <p class="notice">{capital(reply.error?.detail ?? "it is gone")}.</p>
  return <Explained decision={decision} sentences={reply?.sentences ?? []} />
}

export function Explained({ decision, sentences }: { decision: Decision; sentences: string[] }) {
  const { reason, route, client, breaker, policy } = decision
  return (
    <div class="decision-explained">
      <ul class="decision-sentences" aria-busy={sentences.length === 0}>
        {sentences.map((sentence, i) => (
          <li key={i}>{sentence}</li>
        ))}
      </ul>
      {decision.attempts.length > 0 && <Attempts decision={decision} />}
      <p class="decision-tools">
        <code>{decision.requestId}</code>
        <CopyButton text={decision.requestId} label="Copy" what="the request ID" />
        {reason && <Only what="reason" onClick={() => inspect({ reason })} />}
        {route && <Only what="route" onClick={() => inspect({ route })} />}
        {client && <Only what="client" onClick={() => inspect({ client })} />}
        {policy && <Only what="policy" onClick={() => inspect({ policy })} />}
        {breaker && <Only what="breaker" onClick={() => inspect({ breaker: breaker.name })} />}
      </p>
    </div>
  )
}

function Only({ what, onClick }: { what: string; onClick: () => void }) {
  return (
    <button type="button" class="quiet" onClick={onClick}>
      Only this {what}
    </button>
  )
}

/** Each attempt on the line of the request's time: waiting for the response's head, then its body. */
function Attempts({ decision }: { decision: Decision }) {
  return (
    <ol class="attempts" aria-label="Attempts on the time of the request">
      {decision.attempts.map((attempt, i) => {
        const { from, head, to } = attemptSpan(decision, i)
        return (
          <li key={i}>
            <span class="attempt-where">
              <bdi>{attempt.endpoint ?? "no address"}</bdi> <small>{errorWord(attempt.outcome)}</small>
            </span>
            <span class="attempt-time" aria-hidden="true">
              <i class="attempt-wait" style={{ left: share(from), width: share(head - from) }} />
              <i class="attempt-body" style={{ left: share(head), width: share(to - head) }} />
            </span>
            <span class="attempt-ms">{took(attempt.endMs)}</span>
          </li>
        )
      })}
    </ol>
  )
}

function share(value: number): string {
  return `${(Math.max(0, value) * 100).toFixed(2)}%`
}
