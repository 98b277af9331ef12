// One breaker at a glance: what it does, why, since when, what happens next.

import { amount, latency, moment, percent } from "../format"
import { nowMs } from "../clock"
import { useModel } from "../hooks"
import { drillCommand, selection } from "../page"
import type { Breaker, Settings } from "../protocol"
import { ALARMING, capital, cause, errorWord, next, originText, settingRows, settingsLine, STATE_WORD } from "../words"
import { showFeed } from "./feed"
import { Mark } from "./mark"
import { SparkLine } from "./spark"
import { runTest } from "./test"
import { Remaining, Since, Ticking } from "./ticking"

export function Tile({ name, index }: { name: string; index: number }) {
  const breaker = useModel((model) => model.breakers.get(name))
  if (!breaker) return null
  const id = `tile-${index}`
  return (
    <li class={`tile tile-${breaker.state}${breaker.override ? " tile-forced" : ""}`} data-breaker={name}>
      <article aria-labelledby={id}>
        <header class="tile-head">
          <Mark state={breaker.state} />
          <h3 id={id} title={name}>
            <bdi>{name}</bdi>
          </h3>
          <strong class="tile-state">{STATE_WORD[breaker.state]}</strong>
        </header>
        <p class="tile-since">
          for <Since at={breaker.since} /> <span>since {moment(breaker.since, nowMs())}</span>
        </p>
        <p class="tile-why" title={why(breaker)}>
          {why(breaker)}
        </p>
        <Progress breaker={breaker} />
        <SparkLine name={name} />
        <Figures breaker={breaker} />
        <SettingsRows settings={breaker.settings} />
        <Actions breaker={breaker} />
      </article>
    </li>
  )
}

function why(breaker: Breaker): string {
  const { override, lastError, state, reason } = breaker
  if (override) return `Drill by ${override.by}${override.why ? `: ${override.why}` : ""}`
  const why = cause(reason)
  if (!lastError || (state === "closed" && breaker.failuresInRow === 0)) return capital(why)
  const error = `last error ${errorWord(lastError.reason)}${lastError.detail ? `, ${lastError.detail}` : ""}`
  return state === "closed" ? capital(error) : `${capital(why)}: ${error}`
}

function Progress({ breaker }: { breaker: Breaker }) {
  const { state, override, openUntil, since } = breaker
  return (
    <div class="tile-progress">
      {override ? (
        <Remaining fromMs={override.since} untilMs={override.until} />
      ) : state === "open" && openUntil !== null ? (
        <Remaining fromMs={since} untilMs={openUntil} />
      ) : state === "half_open" ? (
        <Pips filled={breaker.probesInFlight} of={breaker.probesAllowed} kind="probe" />
      ) : (
        <Pips filled={breaker.failuresInRow} of={breaker.threshold} kind="failure" />
      )}
      <p>
        <span class="tile-count">{state === "half_open" && !override ? "probing" : failures(breaker)}</span>{" "}
        <span class="tile-next">
          <Ticking text={() => next(breaker)} />
        </span>
      </p>
    </div>
  )
}

function failures({ failuresInRow, threshold, window }: Breaker): string {
  if (threshold === null) return `${window.failures} of ${window.requests} failed`
  return `${Math.min(failuresInRow, threshold)} of ${threshold} failures`
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

function SettingsRows({ settings }: { settings: Settings }) {
  return (
    <details class="settings">
      <summary title={`${settingsLine(settings.value)}, from ${originText(settings.origin)}`}>
        <span>{settingsLine(settings.value)}</span>
        <span class="settings-origin">from {originText(settings.origin)}</span>
      </summary>
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
