// How full each limit is.

import { amount, limitRate, percent } from "../format"
import { useModel } from "../hooks"
import type { Limit } from "../protocol"
import { ClientsLink } from "./clients"
import { DecisionsLink } from "./decisions_link"

export function Limits() {
  const limits = useModel((model) => model.limits)
  return (
    <section class="panel limits" aria-labelledby="limits-title">
      <div class="section-head">
        <h2 id="limits-title">Limits used</h2>
        <p class="hint">the fullest bucket of each rule</p>
      </div>
      <ul>
        {[...limits.values()].map((limit) => (
          <LimitRow key={limit.id} limit={limit} />
        ))}
      </ul>
      {limits.size === 0 && <p class="empty">No rule is in force.</p>}
    </section>
  )
}

function LimitRow({ limit }: { limit: Limit }) {
  const used = Math.min(1, limit.fullest ?? 0)
  const text = limit.fullest === null ? "–" : percent(used)
  return (
    <li class="limit" data-limit={limit.id}>
      <p class="limit-head">
        <strong>
          <bdi>{limit.rule}</bdi>
        </strong>
        <span>
          {limitRate(limit.requests, limit.periodS, limit.key)}
          {limit.burst !== limit.requests && `, burst ${amount(limit.burst)}`}
          {limit.tiers.length > 0 && `, ${limit.tiers.join(", ")}`}
        </span>
        <span class="limit-used">{text}</span>
      </p>
      <div
        class={`meter${used >= 1 ? " full" : used >= 0.8 ? " near" : ""}`}
        role="meter"
        aria-label={`Fullest bucket of ${limit.rule}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(used * 100)}
        aria-valuetext={limit.fullest === null ? "not known" : text}
      >
        <span style={{ transform: `scaleX(${used})` }} />
      </div>
      <p class="limit-foot">
        <span>{limit.policy}</span>
        <span>{amount(limit.allowedPerS)}/s allowed</span>
        <span class={limit.limitedPerS > 0 ? "bad" : ""}>{amount(limit.limitedPerS)}/s limited</span>
        <ClientsLink kind="rules" name={limit.id} />
        {limit.limitedTotal > 0 && <DecisionsLink wanted={{ reason: "rate_limited", policy: limit.policy }} of={`rejected by limits of ${limit.policy}`} />}
        {limit.clients !== null && <span>{limit.clients === 1 ? "1 client" : `${amount(limit.clients)} clients`}</span>}
      </p>
    </li>
  )
}
