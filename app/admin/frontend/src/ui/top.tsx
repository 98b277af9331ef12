// The top of the page: which gateway this is, whether the feed is live, and the colours.

import { nowMs } from "../clock"
import { duration, instant, timeOfDay } from "../format"
import { useModel } from "../hooks"
import { foreignName } from "../hosts"
import { retryNow } from "../socket"
import { Brand } from "./brand"
import { HelpButton } from "./help"
import { Whose, Zone } from "./identity"
import { LiveSign } from "./live_sign"
import { TestButton } from "./test"
import { ThemeChoice } from "./theme_choice"
import { Since, Ticking } from "./ticking"

export function Top() {
  const gateway = useModel((model) => model.gateway)
  const status = useModel((model) => model.link.status)
  const rejected = useModel((model) => model.panels.problems.rows.some(({ kind }) => kind === "config_rejected"))
  return (
    <header class="top">
      <Brand />
      <p class="top-facts">
        {gateway && (
          <>
            <Whose />
            <span class="minor">v{gateway.version}</span>
            <span>
              up <Since at={gateway.startedAt} />
            </span>
            <span title={`applied at ${instant(gateway.configAppliedAt)}`}>
              config {gateway.configSequence}
              {rejected && <b class="warn"> · an edit is rejected</b>}
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
        <LiveSign status={status} />
        <ThemeChoice />
        <HelpButton />
        <TestButton />
      </div>
    </header>
  )
}

export function NotLive() {
  const link = useModel((model) => model.link)
  const known = useModel((model) => model.gateway !== null)
  if (link.status !== "lost") return null
  const { retryAtMs, why } = link
  const wait = () => {
    if (retryAtMs === null) return "Trying to connect …"
    const leftMs = retryAtMs - Date.now()
    return leftMs > 0 ? `Next try in ${duration(Math.ceil(leftMs / 1000) * 1000)}.` : "Trying to connect …"
  }
  return (
    <div class="not-live" role="alert">
      <strong>Not live.</strong>{" "}
      <span>
        {why && `${why} `}
        {known && `What you see is as of ${timeOfDay(nowMs())}. `}
        {!known && !why && `The gateway does not respond. ${foreignName(location.hostname)}`}
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
