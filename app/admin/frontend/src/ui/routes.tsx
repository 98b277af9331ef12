// The table of routes: the worst first, found by the filter of the breakers; on a phone each is a card.

import { useState } from "preact/hooks"
import { useCell } from "../cell"
import { amount, duration, latency, percent } from "../format"
import { useModel, useRef } from "../hooks"
import { filterText, routeOrder } from "../page"
import { breakerPlaces } from "../problems"
import type { Route, State } from "../protocol"
import { FIGURE_LABEL, lostPerS, orderedRoutes, ROUTE_FIGURES, type RouteFigure, type RouteKey, turned } from "../route_rows"
import { ALARMING, STATE_WORD } from "../words"
import { ClientsLink } from "./clients"
import { DecisionsLink } from "./decisions_link"
import { useAttention, useHeld } from "./held"
import { Mark } from "./mark"
import { reveal } from "./reveal"

const FEW = 25

export function Routes() {
  const text = useCell(filterText)
  const order = useCell(routeOrder)
  const total = useModel((model) => model.routesTotal)
  const known = useModel((model) => model.routes.size)
  const wanted = useModel((model) => orderedRoutes(model.routes.values(), text, order).join("\n"))
  const [all, setAll] = useState(false)
  const list = useRef<HTMLDivElement>(null)
  const { shown } = useHeld(wanted, useAttention(list), `${order} ${text}`)
  const names = shown === "" ? [] : shown.split("\n")
  return (
    <section class="panel routes" aria-labelledby="routes-title">
      <div class="section-head">
        <h2 id="routes-title">Routes</h2>
        <p class="hint">{count(names.length, known, total)}</p>
        <SortChoice />
      </div>
      <div ref={list}>
        <table role="table">
          <Head />
          <tbody role="rowgroup">
            {(all ? names : names.slice(0, FEW)).map((name) => (
              <RouteRow key={name} name={name} />
            ))}
          </tbody>
        </table>
      </div>
      {names.length === 0 && <p class="empty">{known === 0 ? "No routes" : "No match"}</p>}
      {names.length > FEW && (
        <button type="button" class="quiet more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Show the first ${FEW}` : `Show all ${names.length} routes`}
        </button>
      )}
    </section>
  )
}

function count(shown: number, known: number, total: number): string {
  const found = shown < known ? `${shown} of ${known}` : `${known}`
  return total > known ? `${found}, the first of ${total}` : found
}

const SORTABLE: RouteKey[] = ["name", ...ROUTE_FIGURES]

/** Stands where the heads of the columns do not: on a phone. */
function SortChoice() {
  const order = useCell(routeOrder)
  return (
    <label class="route-sort">
      <span class="hidden">Sort routes by</span>
      <select value={order.split("-")[0]} onChange={(event) => (routeOrder.value = event.currentTarget.value as RouteKey)}>
        {SORTABLE.map((key) => (
          <option key={key} value={key}>
            {key === "lost" ? "Most lost" : FIGURE_LABEL[key]}
          </option>
        ))}
      </select>
    </label>
  )
}

function Head() {
  return (
    <thead role="rowgroup">
      <tr role="row">
        <SortHead of="name" />
        <th role="columnheader" scope="col">
          Matches
        </th>
        <th role="columnheader" scope="col">
          Goes to
        </th>
        {ROUTE_FIGURES.map((key) => (
          <SortHead key={key} of={key} />
        ))}
      </tr>
    </thead>
  )
}

function SortHead({ of: key }: { of: RouteKey }) {
  const order = useCell(routeOrder)
  const [by, reversed] = order.split("-")
  const down = (key === "name") === (reversed !== undefined)
  const sorted = by === key
  return (
    <th
      role="columnheader"
      scope="col"
      class={key === "name" ? "" : "num"}
      {...(sorted && { "aria-sort": down ? "descending" : "ascending" })}
    >
      <button type="button" onClick={() => (routeOrder.value = turned(order, key))}>
        {FIGURE_LABEL[key]}
        <span aria-hidden="true">{sorted ? (down ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  )
}

function RouteRow({ name }: { name: string }) {
  const route = useModel((model) => model.routes.get(name))
  if (!route) return null
  return (
    <tr role="row" data-route={name}>
      <th role="rowheader" scope="row">
        <bdi>{name}</bdi>
        <small class="options">
          {options(route)} · <DecisionsLink wanted={{ route: name }} of={`route ${name}`} />
        </small>
      </th>
      <td role="cell" class="code" title={route.match}>
        {route.match}
      </td>
      <td role="cell" class="targets">
        {route.redirect !== null && `redirect ${route.redirect}`}
        {route.upstreams.map((one) => (
          <Target key={one.name} breaker={one.breaker} name={one.name} weight={route.upstreams.length > 1 ? one.weight : null} />
        ))}
      </td>
      {ROUTE_FIGURES.map((key) => (
        <Figure key={key} of={key} route={route} />
      ))}
    </tr>
  )
}

function Figure({ of: key, route }: { of: RouteFigure; route: Route }) {
  const share = (value: number | null) => (value === null ? "–" : percent(value))
  const time = (ms: number | null) => latency(ms === null ? null : ms / 1000)
  const text = {
    lost: amount(lostPerS(route)),
    rps: amount(route.rps),
    errors: share(route.errorShare),
    rejected: share(route.refusedShare),
    p50: time(route.p50Ms),
    p99: time(route.p99Ms),
    total: amount(route.total),
  }[key]
  const part = { errors: route.errorShare, rejected: route.refusedShare }[key as string] ?? 0
  return (
    <td role="cell" class={`num${part >= ALARMING ? " bad" : ""}`} data-figure={key} data-label={FIGURE_LABEL[key]}>
      {text}
      {key === "rejected" && <ClientsLink kind="routes" name={route.name} />}
    </td>
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
  const text = (
    <>
      <bdi>{name}</bdi>
      {weight !== null && <small> {weight}</small>}
    </>
  )
  if (!state) return <span class="target">{text}</span>
  return (
    <button
      type="button"
      class="target"
      aria-label={`Breaker ${breaker}, ${STATE_WORD[state].toLowerCase()}`}
      title={`To the breaker ${breaker}`}
      onClick={() => reveal(breakerPlaces(breaker))}
    >
      <Mark state={state} />
      <span class="link">{text}</span>
    </button>
  )
}
