// What the page knows: one model, changed by messages only; components hear of a change once per frame.

import { freeze, heardTime, nowMs } from "./clock"
import { bounded } from "./fold"
import { SeriesStore, Transitions } from "./history"
import type {
  Breaker,
  Connections,
  Delta,
  Gateway,
  GatewayEvent,
  History,
  Limit,
  Message,
  Panels,
  Route,
  Snapshot,
  Spark,
  Test,
  Traffic,
} from "./protocol"

/** `lost`: the next try is at `retryAtMs` (this machine's clock), null while it is under way; `why`: as the gateway says. */
export type Link =
  | { status: "connecting" }
  | { status: "live" }
  | { status: "lost"; sinceMs: number; retryAtMs: number | null; why: string | null }

export interface Model {
  link: Link
  gateway: Gateway | null
  breakers: ReadonlyMap<string, Breaker>
  sparks: ReadonlyMap<string, Spark>
  routes: ReadonlyMap<string, Route>
  routesTotal: number
  limits: ReadonlyMap<string, Limit>
  traffic: Traffic | null
  connections: Connections | null
  events: readonly GatewayEvent[]
  test: Test | null
  panels: Panels
  /** Rise when what they count has changed. */
  transitionsRevision: number
  seriesRevision: number
}

const MOST_EVENTS = 500
const NOTHING: Model = {
  link: { status: "connecting" },
  gateway: null,
  breakers: new Map(),
  sparks: new Map(),
  routes: new Map(),
  routesTotal: 0,
  limits: new Map(),
  traffic: null,
  connections: null,
  events: [],
  test: null,
  panels: {
    problems: { total: 0, rows: [] },
    edits: [],
    upstreams: [],
    clients: { rules: [], moreRules: 0, routes: [], moreRoutes: 0 },
    shadows: { rows: [], more: 0 },
  },
  transitionsRevision: 0,
  seriesRevision: 0,
}

let model = NOTHING
let scheduled = false
const listeners = new Set<() => void>()

export const transitions = new Transitions()
export const series = new SeriesStore()

export function read(): Model {
  return model
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function change(part: Partial<Model>): void {
  model = { ...model, ...part }
  if (scheduled) return
  scheduled = true
  requestAnimationFrame(() => {
    scheduled = false
    listeners.forEach((listener) => listener())
  })
}

export function setLink(link: Link): void {
  if (link.status === "lost") freeze()
  change({ link })
}

/** Takes in a message that is no reply. */
export function apply(message: Exclude<Message, { type: "reply" }>): void {
  if (message.type === "snapshot") applySnapshot(message)
  else if (message.type === "history") applyHistory(message)
  else applyDelta(message)
}

function applySnapshot(message: Snapshot): void {
  heardTime(message.now)
  const same = model.gateway?.startedAt === message.gateway.startedAt
  if (!same) transitions.clear()
  change({
    gateway: message.gateway,
    breakers: new Map(message.breakers.map(({ spark: _, ...breaker }) => [breaker.name, breaker])),
    sparks: new Map(message.breakers.flatMap(({ name, spark }) => (spark ? [[name, spark]] : []))),
    routes: byName(message.routes.rows),
    routesTotal: message.routes.total,
    limits: new Map(message.limits.map((limit) => [limit.id, limit])),
    traffic: message.traffic,
    connections: message.connections,
    events: message.events,
    test: message.test,
    panels: message.panels,
    transitionsRevision: model.transitionsRevision + 1,
  })
}

function applyHistory(message: History): void {
  if (message.since === 0) transitions.clear()
  transitions.add(message.transitions.rows)
  series.replace(message)
  change({
    transitionsRevision: model.transitionsRevision + 1,
    seriesRevision: model.seriesRevision + 1,
  })
}

function applyDelta(message: Delta): void {
  heardTime(message.now)
  const part: Partial<Model> = {}
  if (message.gateway && model.gateway) part.gateway = { ...model.gateway, ...message.gateway }
  if (message.breakers || message.breakersGone) {
    part.breakers = merged(model.breakers, "name", message.breakers, message.breakersGone)
  }
  if (message.tick || message.breakersGone) part.sparks = ticked(message)
  if (message.routes) {
    part.routes = merged(model.routes, "name", message.routes.rows, message.routes.gone)
    part.routesTotal = message.routes.total
  }
  if (message.limits || message.limitsGone) {
    part.limits = merged(model.limits, "id", message.limits, message.limitsGone)
  }
  if (message.traffic) part.traffic = message.traffic
  if (message.connections) part.connections = message.connections
  if (message.test) part.test = message.test
  if (message.panels) part.panels = { ...model.panels, ...message.panels }
  if (message.events) part.events = bounded([...model.events, ...message.events], MOST_EVENTS)
  if (message.transitions) {
    transitions.add(message.transitions)
    part.transitionsRevision = model.transitionsRevision + 1
  }
  if (message.series) {
    series.add(message.series)
    part.seriesRevision = model.seriesRevision + 1
  }
  change(part)
}

function byName<T extends { name: string }>(rows: T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.name, row]))
}

/** `changes` hold the identity and what changed; an unknown identity is a new one, with all its fields. */
function merged<T extends object, K extends keyof T>(
  known: ReadonlyMap<string, T>,
  identity: K,
  changes: (Partial<T> & Pick<T, K>)[] = [],
  gone: string[] = [],
): Map<string, T> {
  const result = new Map(known)
  for (const one of changes) {
    const name = String(one[identity])
    result.set(name, { ...(result.get(name) as T), ...one })
  }
  for (const name of gone) result.delete(name)
  return result
}

function ticked({ tick, breakersGone = [] }: Delta): Map<string, Spark> {
  const sparks = new Map(model.sparks)
  for (const name of breakersGone) sparks.delete(name)
  if (!tick) return sparks
  for (const name of Object.keys(tick.breakers)) {
    if (!sparks.has(name)) sparks.set(name, blank(tick.endsAt))
  }
  for (const [name, spark] of sparks) {
    const added = tick.breakers[name]
    const quiet = !added && !spark.requests.some(Boolean) && !spark.refused.some(Boolean)
    if (quiet) continue // what is drawn stays the same
    const [requests, failures, refused] = added ?? [0, 0, 0]
    sparks.set(name, {
      endsAt: tick.endsAt,
      requests: [...spark.requests.slice(-59), requests],
      failures: [...spark.failures.slice(-59), failures],
      refused: [...spark.refused.slice(-59), refused],
    })
  }
  return sparks
}

function blank(endsAt: number): Spark {
  const zeros = Array<number>(60).fill(0)
  return { endsAt, requests: zeros, failures: zeros, refused: zeros }
}

/** When the gateway's process began; now where that is not known. */
export function startedAtMs(): number {
  return model.gateway?.startedAt ?? nowMs()
}
