// The head of the page: is it live, what is the state of things in one sentence, and the numbers that matter.

import { useState } from "preact/hooks"
import { nowMs } from "../clock"
import { amount, duration, instant, latency, percent, timeOfDay } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { foreignName } from "../hosts"
import type { Breaker } from "../protocol"
import { retryNow } from "../socket"
import { chooseTheme, chosenTheme, type Theme } from "../theme"
import { ALARMING, cause, errorWord, next, STATE_WORD, sums } from "../words"
import { HelpButton } from "./help"
import { Whose, Zone } from "./identity"
import { Mark } from "./mark"
import { TestButton } from "./test"
import { Since, Ticking } from "./ticking"

export function Top() {
  const gateway = useModel((model) => model.gateway)
  return (
    <header class="top">
      <p class="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <path class="brand-gate" d="M6 11v14M12 7v18M20 7v18M26 11v14" />
          <path class="brand-tide" d="M3 20c3-3.4 6-3.4 9 0s6 3.4 9 0 6-3.4 8-1.6" />
        </svg>
        Tidegate
      </p>
      <p class="top-facts">
        {gateway && (
          <>
            <Whose />
            <span>v{gateway.version}</span>
            <span>
              up <Since at={gateway.startedAt} />
            </span>
            <span title={`applied at ${instant(gateway.configAppliedAt)}`}>
              config {gateway.configSequence}
              {gateway.configRejected > 0 && <b class="warn"> · {gateway.configRejected} rejected</b>}
            </span>
            {gateway.storeUp !== null && (
              <span class={gateway.storeUp ? "" : "warn"}>limit store {gateway.storeUp ? "up" : "down"}</span>
            )}
            {gateway.draining && <b class="warn">draining</b>}
            <Zone />
          </>
        )}
      </p>
      <div class="top-tools">
        <LiveSign />
        <ThemeChoice />
        <HelpButton />
        <TestButton />
      </div>
    </header>
  )
}

function LiveSign() {
  const link = useModel((model) => model.link)
  const label = { live: "Live", connecting: "Connecting …", lost: "Not live" }[link.status]
  return (
    <p class={`live live-${link.status}`} role="status" data-live={link.status}>
      <span class="live-dot" aria-hidden="true" />
      {label}
    </p>
  )
}

export function NotLive() {
  const link = useModel((model) => model.link)
  const known = useModel((model) => model.gateway !== null)
  if (link.status !== "lost") return null
  const { retryAtMs } = link
  const wait = () => {
    if (retryAtMs === null) return "Trying to connect …"
    const leftMs = retryAtMs - Date.now()
    return leftMs > 0 ? `Next try in ${duration(Math.ceil(leftMs / 1000) * 1000)}.` : "Trying to connect …"
  }
  return (
    <div class="not-live" role="alert">
      <strong>Not live.</strong>{" "}
      <span>
        {known ? `What you see is as of ${timeOfDay(nowMs())}. ` : `The gateway does not respond. ${foreignName(location.hostname)}`}
        <span aria-hidden="true">
          <Ticking text={wait} />
        </span>
      </span>
      <button type="button" onClick={retryNow}>
        Try now
      </button>
    </div>
  )
}

const THEMES: [Theme, string, string][] = [
  ["system", "As the system", "M4 5h16v11H4zM9 20h6"],
  ["light", "Light", "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19"],
  ["dark", "Dark", "M20 14.5A8 8 0 019.5 4 8 8 0 1020 14.5z"],
]

function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme())
  return (
    <div class="segments" role="radiogroup" aria-label="Colours">
      {THEMES.map(([value, label, path]) => (
        <label key={value} title={label}>
          <input
            type="radio"
            name="theme"
            class="hidden"
            value={value}
            checked={theme === value}
            onChange={() => {
              chooseTheme(value)
              setTheme(value)
            }}
          />
          <span>
            <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
              <path d={path} />
            </svg>
            <span class="hidden">{label}</span>
          </span>
        </label>
      ))}
    </div>
  )
}

export function Verdict() {
  const breakers = useModel((model) => model.breakers)
  const ready = useModel((model) => model.gateway !== null)
  const of = (state: string) => [...breakers.values()].filter((one) => one.state === state)
  const [open, half] = [of("open"), of("half_open")]
  const worst = open.length ? "open" : half.length ? "half_open" : "closed"
  const drilled = open.length > 0 && open.every((one) => one.override)
  const first = open.find((one) => !one.override) ?? open[0] ?? half[0]
  return (
    <div class={`verdict verdict-${drilled ? "drilled" : worst}`}>
      <Mark state={worst} />
      <div>
        <h1>{ready ? sentence(breakers.size, open, half) : "Connecting to the gateway …"}</h1>
        <p>{first ? <Ticking text={() => story(first)} /> : ready ? calm(breakers) : "\u00a0"}</p>
      </div>
    </div>
  )
}

function sentence(total: number, open: Breaker[], half: Breaker[]): string {
  if (open.length === 1) {
    const also = half.length === 1 ? `, ${half[0]!.name} half-open` : half.length ? `, ${half.length} half-open` : ""
    return `${open[0]!.name} is ${open[0]!.override ? "held open" : "open"}${also}`
  }
  if (open.length) return `${open.length} of ${total} breakers are open`
  if (half.length === 1) return `${half[0]!.name} is half-open`
  if (half.length) return `${half.length} of ${total} breakers are half-open`
  if (total === 0) return "No breakers"
  return total === 1 ? "The breaker is closed" : `All ${total} breakers are closed`
}

function story(breaker: Breaker): string {
  const { override, lastError, name } = breaker
  if (override) return `Drill by ${override.by}${override.why && `, ${override.why}`}; ${next(breaker)}`
  const error = lastError ? ` (${errorWord(lastError.reason)})` : ""
  return `${name}: ${cause(breaker.reason)}${error}; ${next(breaker)}`
}

function calm(breakers: ReadonlyMap<string, Breaker>): string {
  const counting = [...breakers.values()].filter((one) => one.failuresInRow > 0)
  if (counting.length === 1) return `${counting[0]!.name} counts failures: ${counting[0]!.failuresInRow} in a row`
  if (counting.length) return `${counting.length} of them count failures`
  return "Every upstream takes requests"
}

export function Numbers() {
  const traffic = useModel((model) => model.traffic)
  const connections = useModel((model) => model.connections)
  const { failed, refused } = sums(traffic?.outcomes ?? {})
  const total = traffic?.total ?? 0
  const share = (part: number) => (total > 0 ? percent(part / total) : "–")
  const time = (ms: number | null | undefined) => latency(ms === null || ms === undefined ? null : ms / 1000)
  const upstream = Object.values(connections?.upstreams ?? {}).reduce((sum, one) => sum + one.active + one.idle, 0)
  const cells: [string, string, string, boolean][] = [
    ["requests", "Requests", `${amount(total)}/s`, false],
    ["failed", "Failed", share(failed), failed > total * ALARMING],
    ["refused", "Rejected by gateway", share(refused), false],
    ["p50", "p50", time(traffic?.p50Ms), false],
    ["p99", "p99", time(traffic?.p99Ms), false],
    ["in-flight", "In flight", amount(connections?.inFlight ?? 0), false],
    ["clients", "Clients", amount(connections?.clients ?? 0), false],
    ["upstream", "Upstream connections", amount(upstream), false],
  ]
  return (
    <dl class="numbers" aria-label="Traffic of the last ten seconds">
      {cells.map(([key, label, value, bad]) => (
        <div key={key} class={bad ? "bad" : ""}>
          <dt>{label}</dt>
          <dd data-number={key}>{traffic ? value : "–"}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Says changes of state to those who do not see them; the sign of the feed speaks for itself. */
export function Announcer() {
  const breakers = useModel((model) => model.breakers)
  const announced = useRef(new Map<string, string>())
  const [text, setText] = useState("")
  useEffect(() => {
    const news = []
    for (const { name, state, reason } of breakers.values()) {
      const before = announced.current.get(name)
      if (before !== undefined && before !== state) news.push(`${name} is ${STATE_WORD[state].toLowerCase()}: ${cause(reason)}.`)
      announced.current.set(name, state)
    }
    if (news.length > 3) setText(`${news.length} breakers changed. ${news.slice(0, 2).join(" ")}`)
    else if (news.length) setText(news.join(" "))
  }, [breakers])
  return (
    <p class="hidden" aria-live="polite" data-announcer>
      {text}
    </p>
  )
}
