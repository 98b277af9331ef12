// Where the requests of a breaker's upstream go, and which endpoints take none.

import { HEALTH_WORD, load, summary, warning } from "../endpoints"
import { useModel } from "../hooks"
import type { Breaker, Upstream } from "../protocol"

interface EndpointsProps {
  breaker: Breaker
  open: boolean
  onToggle: (open: boolean) => void
}

export function Endpoints({ breaker, open, onToggle }: EndpointsProps) {
  const upstream = useModel((model) => model.panels.upstreams.find((one) => one.name === breaker.upstream))
  if (!upstream || upstream.endpoints.length === 0) return null
  const isTold = breaker.state !== "closed" && breaker.lastError !== null // the error of a request says the same
  const wrong = isTold ? "" : warning(upstream)
  const out = wrong !== "" || upstream.endpoints.some(({ health }) => health === "ejected" || health === "unhealthy")
  return (
    <>
      {wrong && (
        <p class="endpoints-warning" title={wrong}>
          {wrong}
        </p>
      )}
      <details
        class={`fold endpoints${out ? " endpoints-out" : ""}`}
        open={open}
        onToggle={(event) => onToggle((event.currentTarget as HTMLDetailsElement).open)}
      >
        <summary title={summary(upstream)}>
          <span>{summary(upstream)}</span>
        </summary>
        <List upstream={upstream} />
      </details>
    </>
  )
}

function List({ upstream }: { upstream: Upstream }) {
  return (
    <div class="fold-body" tabIndex={0} role="region" aria-label={`Endpoints of ${upstream.name}`}>
      <ul>
        {upstream.endpoints.map((one, i) => (
          <li key={i} class={`endpoint endpoint-${one.health}`}>
            <span class="endpoint-dot" aria-hidden="true" />
            <bdi>{one.address}</bdi>
            <span class="endpoint-health">{HEALTH_WORD[one.health]}</span>
            <span class="endpoint-load">{load(one)}</span>
          </li>
        ))}
      </ul>
      {upstream.others > 0 && <p class="hint">and {upstream.others} more</p>}
    </div>
  )
}
