// What traffic meets: the table of routes, and how full each limit is.

import { useState } from "preact/hooks"
import { amount, duration, latency, limitRate, percent } from "../format"
import { useModel } from "../hooks"
import type { Limit, Route, State } from "../protocol"
import { ALARMING, STATE_WORD } from "../words"
import { ClientsLink } from "./clients"
import { Mark } from "./mark"

type Column = [key: string, label: string, of: ((route: Route) => number | string) | null]

const COLUMNS: Column[] = [
  ["name", "Route", (route) => route.name],
  ["match", "Matches", null],
  ["upstreams", "Goes to", null],
  ["options", "Options", null],
  ["rps", "Req/s", (route) => route.rps],
  ["errors", "Errors", (route) => route.errorShare ?? -1],
  ["refused", "Rejected", (route) => route.refusedShare ?? -1],
  ["p50", "p50", (route) => route.p50Ms ?? -1],
  ["p99", "p99", (route) => route.p99Ms ?? -1],
  ["total", "Total", (route) => route.total],
]
const FEW = 25

export function Routes() {
  const routes = useModel((model) => model.routes)
  const total = useModel((model) => model.routesTotal)
  const [sort, setSort] = useState<{ key: string; down: boolean } | null>(null)
  const [all, setAll] = useState(false)
  const rows = [...routes.values()]
  const of = COLUMNS.find(([key]) => key === sort?.key)?.[2]
  if (sort && of) {
    rows.sort((a, b) => {
      const [x, y] = [of(a), of(b)]
      return (x < y ? -1 : x > y ? 1 : 0) * (sort.down ? -1 : 1)
    })
  }
  const shown = all ? rows : rows.slice(0, FEW)
  const turn = (key: string) => setSort(sort?.key === key ? { key, down: !sort.down } : { key, down: key !== "name" })
  return (
    <section class="panel routes" aria-labelledby="routes-title">
      <div class="section-head">
        <h2 id="routes-title">Routes</h2>
        <p class="hint">{total > rows.length ? `${rows.length} of ${total}` : total}</p>
      </div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of routes">
        <table>
          <thead>
            <tr>
              {COLUMNS.map(([key, label, sorts]) => (
                <th
                  key={key}
                  scope="col"
                  class={`col-${key}`}
                  {...(sort?.key === key && { "aria-sort": sort.down ? "descending" : "ascending" })}
                >
                  {sorts ? (
                    <button type="button" onClick={() => turn(key)}>
                      {label}
                      <span aria-hidden="true">{sort?.key === key ? (sort.down ? " ↓" : " ↑") : ""}</span>
                    </button>
                  ) : (
                    label
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((route) => (
              <RouteRow key={route.name} route={route} />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > FEW && (
        <button type="button" class="quiet more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Show the first ${FEW}` : `Show all ${rows.length} routes`}
        </button>
      )}
    </section>
  )
}

function RouteRow({ route }: { route: Route }) {
  const share = (value: number | null) => (value === null ? "–" : percent(value))
  const time = (ms: number | null) => latency(ms === null ? null : ms / 1000)
  return (
    <tr data-route={route.name}>
      <th scope="row">
        <bdi>{route.name}</bdi>
      </th>
      <td class="code" title={route.match}>
        {route.match}
      </td>
      <td>
        {route.redirect !== null && `redirect ${route.redirect}`}
        {route.upstreams.map((one) => (
          <Target key={one.name} breaker={one.breaker} name={one.name} weight={route.upstreams.length > 1 ? one.weight : null} />
        ))}
      </td>
      <td class="options">{options(route)}</td>
      <td class="num">{amount(route.rps)}</td>
      <td class={`num${(route.errorShare ?? 0) >= ALARMING ? " bad" : ""}`}>{share(route.errorShare)}</td>
      <td class="num">
        {share(route.refusedShare)}
        <ClientsLink kind="routes" name={route.name} />
      </td>
      <td class="num">{time(route.p50Ms)}</td>
      <td class="num">{time(route.p99Ms)}</td>
      <td class="num">{amount(route.total)}</td>
    </tr>
  )
}

function options(route: Route): string {
  const said = [route.auth === "none" ? "no key" : "key"]
  if (route.rules.length) said.push(`limits ${route.rules.join(", ")}`)
  if (route.timeoutS) said.push(`${duration(route.timeoutS * 1000)} timeout`)
  if (route.retries) said.push(`${route.retries} ${route.retries > 1 ? "retries" : "retry"}`)
  return said.join(" · ")
}

function Target({ breaker, name, weight }: { breaker: string; name: string; weight: number | null }) {
  const state = useModel((model): State | null => model.breakers.get(breaker)?.state ?? null)
  return (
    <span class="target">
      {state && <Mark state={state} />}
      <bdi>{name}</bdi>
      {state && <span class="hidden"> ({STATE_WORD[state]})</span>}
      {weight !== null && <small> {weight}</small>}
    </span>
  )
}

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
        {limit.clients !== null && <span>{limit.clients === 1 ? "1 client" : `${amount(limit.clients)} clients`}</span>}
      </p>
    </li>
  )
}
