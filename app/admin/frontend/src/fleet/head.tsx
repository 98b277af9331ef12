// The head of the fleet's page: is it live, what is the state of things in one sentence, and the sums.

import { useCell } from "../cell"
import { nowMs } from "../clock"
import { amount, duration, timeOfDay } from "../format"
import { useEffect, useTicking } from "../hooks"
import type { State } from "../protocol"
import { Brand } from "../ui/brand"
import { LiveSign } from "../ui/live_sign"
import { Mark } from "../ui/mark"
import { ThemeChoice } from "../ui/theme_choice"
import { Ticking } from "../ui/ticking"
import { ask, fleet, link } from "./feed"
import type { Fleet } from "./protocol"
import { counted, verdict } from "./words"

export function FleetTop() {
  const seen = useCell(fleet)
  const { status } = useCell(link)
  return (
    <header class="top">
      <Brand page="fleet" />
      <p class="top-facts">
        {seen && (
          <>
            <span>operator v{seen.operator.version}</span>
            <span>snapshot {seen.operator.snapshot}</span>
            {seen.operator.missing.map((what) => (
              <b class="warn" key={what}>
                {what}
              </b>
            ))}
          </>
        )}
      </p>
      <div class="top-tools">
        <LiveSign status={status} />
        <ThemeChoice />
      </div>
    </header>
  )
}

export function FleetNotLive() {
  const state = useCell(link)
  const seen = useCell(fleet)
  if (state.status !== "lost") return null
  const wait = () => {
    const leftMs = state.retryAtMs - Date.now()
    return leftMs > 0 ? `Next try in ${duration(Math.ceil(leftMs / 1000) * 1000)}.` : "Trying to connect …"
  }
  return (
    <div class="not-live" role="alert">
      <strong>Not live.</strong>{" "}
      <span>
        {seen ? `What you see is as of ${timeOfDay(nowMs())}. ` : ""}
        {state.fault ? `The operator says: ${state.fault}. ` : "The operator does not respond. "}
        <span aria-hidden="true">
          <Ticking text={wait} />
        </span>
      </span>
      <button type="button" onClick={() => void ask()}>
        Try now
      </button>
    </div>
  )
}

const TONE: Record<State, string> = { open: "verdict-bad", half_open: "verdict-warn", closed: "" }
const SIGN: Record<State, string> = { open: "✖", half_open: "◆", closed: "✔" }

export function FleetHero({ fleet: seen }: { fleet: Fleet }) {
  const lost = useCell(link).status === "lost"
  const said = verdict(seen, nowMs())
  const why = useTicking(() => verdict(seen, nowMs()).why)
  const title = useTicking(() => verdict(seen, nowMs()).title)
  useEffect(() => {
    document.title = `${lost ? "⚠ Not live" : `${SIGN[said.state]} ${said.title}`} — Tidegate fleet`
  }, [lost, said.state, said.title])
  const { sums, pods } = seen
  const numbers: [string, string, boolean][] = [
    ["Requests / s", amount(sums.rps), false],
    ["Failed upstream / s", amount(sums.failedPerS), sums.failedPerS > 0],
    ["Rejected / s", amount(sums.rejectedPerS), sums.rejectedPerS > 0],
    ["p99, worst pod", sums.p99Ms === null ? "–" : duration(sums.p99Ms, true), false],
    ["Pods reporting", `${sums.pods} of ${seen.podsTotal}`, sums.pods < pods.length],
  ]
  return (
    <section class="hero" aria-label="At a glance">
      <div class={`verdict ${TONE[said.state]}`} data-verdict={said.state}>
        <Mark state={said.state} />
        <div>
          <h1>{title}</h1>
          <p>{why}</p>
        </div>
      </div>
      {pods.length > 0 && (
        <dl class="numbers fleet-numbers" aria-label={`Sums of ${counted(sums.pods, "pod")}, last ten seconds`}>
          {numbers.map(([label, value, bad]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd class={bad ? "warn" : ""}>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  )
}
