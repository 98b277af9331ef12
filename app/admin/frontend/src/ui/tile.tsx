// One breaker at a glance: what it does, why, since when, what happens next.

import type { ComponentChildren } from "preact"
import { useId, useState } from "preact/hooks"
import { NEAR, timeoutMs } from "../concern"
import { amount, instant, latency, moment, percent } from "../format"
import { nowMs } from "../clock"
import { useModel } from "../hooks"
import { concernText, nearness, openedBy, rates } from "../judged"
import { drillCommand, inspect, selection } from "../page"
import type { Breaker, Settings } from "../protocol"
import { ALARMING, capital, cause, downText, errorWord, next, originText, settingRows, settingsLine, STATE_WORD } from "../words"
import { Endpoints } from "./endpoints"
import { showFeed } from "./feed"
import { Mark } from "./mark"
import { SparkLine } from "./spark"
import { runTest } from "./test"
import { Remaining, Since, Ticking } from "./ticking"

type Unfolded = "settings" | "endpoints" | null

/** `fold`: what stands for the name where the tile can be folded into a row. */
export function Tile({ name, fold }: { name: string; fold?: ComponentChildren }) {
  const breaker = useModel((model) => model.breakers.get(name))
  const id = useId()
  const [unfolded, setUnfolded] = useState<Unfolded>(null)
  if (!breaker) return null
  const toggled = (part: Unfolded) => (open: boolean) => {
    if (open) setUnfolded(part)
    else if (unfolded === part) setUnfolded(null)
  }
  const forced = breaker.override ? " tile-forced" : ""
  return (
    <li class={`tile tile-${breaker.state}${forced}${unfolded ? " tile-unfolded" : ""}`} data-breaker={name}>
      <article aria-labelledby={id}>
        <header class="tile-head">
          <Mark state={breaker.state} />
          <h3 id={id} title={name}>
            {fold ?? <bdi>{name}</bdi>}
          </h3>
          <strong class="tile-state">{STATE_WORD[breaker.state]}</strong>
        </header>
        <p class="tile-since">
          <SinceWhen breaker={breaker} />
        </p>
        <Why breaker={breaker} />
        <Progress breaker={breaker} />
        <SparkLine name={name} />
        <Figures breaker={breaker} />
        <Endpoints breaker={breaker} open={unfolded === "endpoints"} onToggle={toggled("endpoints")} />
        <SettingsRows
          name={name}
          settings={breaker.settings}
          open={unfolded === "settings"}
          onToggle={toggled("settings")}
        />
        <Actions breaker={breaker} />
      </article>
    </li>
  )
}

function SinceWhen({ breaker }: { breaker: Breaker }) {
  if (breaker.notClosedSince !== null) {
    return (
      <time title={instant(breaker.notClosedSince)}>
        <Ticking text={() => downText(breaker)} />
      </time>
    )
  }
  return (
    <>
      for <Since at={breaker.since} />{" "}
      <span class="tile-moment" title={instant(breaker.since)}>
        since {moment(breaker.since, nowMs())}
      </span>
    </>
  )
}

function Why({ breaker }: { breaker: Breaker }) {
  const limitMs = useModel((model) => timeoutMs(model.routes, breaker.name))
  const said = why(breaker, limitMs)
  return (
    <p class="tile-why" title={said}>
      {said}
    </p>
  )
}

function why(breaker: Breaker, limitMs: number | undefined): string {
  const { override, lastError, state, reason, failuresInRow } = breaker
  if (override) return `Drill by ${override.by}${override.why ? `: ${override.why}` : ""}`
  const error = lastError ? `last error ${errorWord(lastError.reason)}${lastError.detail ? `, ${lastError.detail}` : ""}` : ""
  if (state === "closed") return capital((failuresInRow > 0 && error) || concernText(breaker, limitMs) || cause(reason))
  const opened = openedBy(breaker)
  return [opened ? `Opened by ${opened}` : capital(cause(reason)), error].filter(Boolean).join("; ")
}

function Progress({ breaker }: { breaker: Breaker }) {
  const { state, override, openUntil, since } = breaker
  const counts = state === "closed" && !override
  return (
    <div class="tile-progress">
      {override ? (
        <Remaining fromMs={override.since} untilMs={override.until} />
      ) : state === "open" && openUntil !== null ? (
        <Remaining fromMs={since} untilMs={openUntil} />
      ) : state === "half_open" ? (
        <Pips filled={breaker.probesInFlight} of={breaker.probesAllowed} kind="probe" />
      ) : breaker.threshold !== null ? (
        <Pips filled={breaker.failuresInRow} of={breaker.threshold} kind="failure" />
      ) : (
        <Nearness share={nearness(breaker) ?? 0} />
      )}
      {(!counts || breaker.threshold !== null) && (
        <p>
          <span class="tile-count">{counts ? failures(breaker) : state === "half_open" && !override ? "probing" : ""}</span>{" "}
          <span class="tile-next">
            <Ticking text={() => next(breaker)} />
          </span>
        </p>
      )}
      {counts && (
        <ul class="tile-rates">
          {rates(breaker).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </div>
  )
}

function failures({ failuresInRow, threshold }: Breaker): string {
  return `${Math.min(failuresInRow, threshold ?? 0)} of ${threshold} failures`
}

/** How near it is to opening. Decoration: the words stand below. */
function Nearness({ share }: { share: number }) {
  return (
    <span class={`nearness${share >= NEAR ? " nearness-near" : ""}`} aria-hidden="true">
      <span style={{ transform: `scaleX(${share.toFixed(3)})` }} />
    </span>
  )
}

function Pips({ filled, of, kind }: { filled: number; of: number | null; kind: string }) {
  if (of === null) return <span class="pips" aria-hidden="true" />
  const shown = Math.min(of, 12)
  const lit = of <= 12 ? filled : Math.ceil((Math.min(filled, of) / of) * 12)
  return (
    <span class={`pips pips-${kind}`} aria-hidden="true">
      {Array.from({ length: shown }, (_, i) => (
        <i key={i} class={i < lit ? "lit" : ""} />
      ))}
    </span>
  )
}

function Figures({ breaker }: { breaker: Breaker }) {
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000)
  const bad = breaker.errorShare !== null && breaker.errorShare >= ALARMING
  return (
    <dl class="figures">
      <div>
        <dt>req/s</dt>
        <dd data-figure="rps">{amount(breaker.rps)}</dd>
      </div>
      <div>
        <dt>rejected/s</dt>
        <dd data-figure="refused">{amount(breaker.refusedPerS)}</dd>
      </div>
      <div class={bad ? "bad" : ""}>
        <dt>errors</dt>
        <dd data-figure="errors">{breaker.errorShare === null ? "–" : percent(breaker.errorShare)}</dd>
      </div>
      <div>
        <dt>p50</dt>
        <dd data-figure="p50">{latency(seconds(breaker.p50Ms))}</dd>
      </div>
      <div>
        <dt>p99</dt>
        <dd data-figure="p99">{latency(seconds(breaker.p99Ms))}</dd>
      </div>
    </dl>
  )
}

interface SettingsProps {
  name: string
  settings: Settings
  open: boolean
  onToggle: (open: boolean) => void
}

function SettingsRows({ name, settings, open, onToggle }: SettingsProps) {
  return (
    <details
      class="fold settings"
      open={open}
      onToggle={(event) => onToggle((event.currentTarget as HTMLDetailsElement).open)}
    >
      <summary title={`${settingsLine(settings.value)}, from ${originText(settings.origin)}`}>
        <span>{settingsLine(settings.value)}</span>
        <span class="settings-origin">from {originText(settings.origin)}</span>
      </summary>
      <div class="fold-body" tabIndex={0} role="region" aria-label={`Settings of ${name}`}>
        <dl>
          {settingRows(settings.value).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
          <div>
            <dt>From</dt>
            <dd>{originText(settings.origin)}</dd>
          </div>
          {settings.losers.map((loser, i) => (
            <div key={`loser-${i}`}>
              <dt>Instead of</dt>
              <dd>
                {settingsLine(loser.value)} from {originText(loser.origin)}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </details>
  )
}

function Actions({ breaker }: { breaker: Breaker }) {
  const test = useModel((model) => model.test)
  const { name } = breaker
  const testable = breaker.demo && test?.available === true
  const showEvents = () => {
    selection.value = { breaker: name, fromMs: null, toMs: null, bandId: null }
    showFeed()
  }
  return (
    <footer class="tile-actions">
      <button type="button" class="quiet" onClick={showEvents} aria-label={`Events of ${name}`}>
        Events
      </button>
      <button type="button" class="quiet" onClick={() => inspect({ breaker: name })} aria-label={`Decisions of ${name}`}>
        Decisions
      </button>
      {testable && !breaker.override && (
        <button type="button" class="quiet" onClick={runTest} aria-label={`Run test of ${name}`}>
          Run test
        </button>
      )}
      {breaker.override ? (
        <button
          type="button"
          class="strong"
          onClick={() => (drillCommand.value = { kind: "end", breaker: name })}
          aria-label={`End drill of ${name}`}
        >
          End drill
        </button>
      ) : (
        <button
          type="button"
          class="quiet"
          onClick={() => (drillCommand.value = { kind: "start", breaker: name })}
          aria-label={`Drill … of ${name}`}
        >
          Drill …
        </button>
      )}
    </footer>
  )
}
