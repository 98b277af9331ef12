// The top of the page: which gateway this is, whether the feed is live, and the colours.

import { useState } from "preact/hooks"
import { nowMs } from "../clock"
import { duration, instant, timeOfDay } from "../format"
import { useModel } from "../hooks"
import { foreignName } from "../hosts"
import { retryNow } from "../socket"
import { chooseTheme, chosenTheme, type Theme } from "../theme"
import { HelpButton } from "./help"
import { Whose, Zone } from "./identity"
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
