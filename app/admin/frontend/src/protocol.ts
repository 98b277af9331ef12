// The messages of /monitor/ws, version 1, as docs/monitor-protocol.md has them. Instants are milliseconds since 1970.

export type State = "closed" | "open" | "half_open"

/** Which gateway this is; `pod` is the host outside a cluster. */
export interface Identity {
  pod: string
  gateway: string | null
  namespace: string | null
  node: string | null
}

export interface Gateway {
  version: string
  identity: Identity
  startedAt: number
  ready: boolean
  draining: boolean
  configSequence: number
  configAppliedAt: number
  configRejected: number
  storeUp: boolean | null
  loopLagMs: number
  windowS: number
  viewers: number
  drills: { available: boolean; why: string }
}

export interface Origin {
  source: string
  policy: string | null
  target: string | null
}

export interface Settings {
  value: Record<string, unknown>
  origin: Origin
  losers: { value: Record<string, unknown>; origin: Origin }[]
}

export interface Override {
  state: "open" | "closed"
  since: number
  until: number
  by: string
  why: string
}

export interface Breaker {
  name: string
  upstream: string
  route: string | null
  state: State
  since: number
  notClosedSince: number | null
  failedProbes: number
  reason: string | null
  lastError: { at: number; reason: string; detail: string } | null
  failuresInRow: number
  threshold: number | null
  window: { periodS: number; requests: number; failures: number; slow: number; minimum: number }
  opening: { reason: string; requests: number; failures: number; slow: number } | null
  probesInFlight: number
  probesAllowed: number
  openUntil: number | null
  override: Override | null
  rps: number
  refusedPerS: number
  errorShare: number | null
  p50Ms: number | null
  p99Ms: number | null
  settings: Settings
  demo: boolean
}

export interface Spark {
  endsAt: number
  requests: number[]
  failures: number[]
  refused: number[]
}

export interface Route {
  name: string
  match: string
  auth: string
  upstreams: { name: string; weight: number; breaker: string }[]
  redirect: number | null
  rules: string[]
  timeoutS: number
  retries: number
  rps: number
  errorShare: number | null
  refusedShare: number | null
  p50Ms: number | null
  p99Ms: number | null
  total: number
}

export interface Limit {
  id: string
  policy: string
  rule: string
  key: string
  tiers: string[]
  requests: number
  periodS: number
  burst: number
  routes: number
  allowedPerS: number
  limitedPerS: number
  allowedTotal: number
  limitedTotal: number
  clients: number | null
  fullest: number | null
}

export interface Traffic {
  outcomes: Record<string, number>
  total: number
  failed: number
  rejected: { breaker: number; limit: number; key: number; other: number }
  p50Ms: number | null
  p90Ms: number | null
  p99Ms: number | null
  totals: Record<string, number>
}

export interface Connections {
  clients: number
  tunnels: number
  inFlight: number
  upstreams: Record<string, { active: number; idle: number }>
}

export interface GatewayEvent {
  id: number
  at: number
  kind: string
  subject: string
  detail: string
}

export type StepState = "pending" | "running" | "passed" | "failed" | "skipped"

export interface Step {
  id: string
  title: string
  state: StepState
  expected: string
  seen: string
  expectedAt: number | null
  seenAt: number | null
}

export interface Run {
  id: number
  state: "running" | "passed" | "failed"
  startedAt: number
  endedAt: number | null
  result: string
  steps: Step[]
}

export interface Test {
  available: boolean
  breaker: string | null
  why: string
  run: Run | null
}

export type TransitionRow = [
  id: number,
  breaker: string,
  from: State,
  to: State,
  at: number,
  reason: string,
  error: string,
  heldS: number,
]

/** One field that an edit changed; `old` and `new` are null where it was or is not set. */
export interface Change {
  target: string
  stanza: string
  field: string
  old: unknown
  new: unknown
  source: string
  policy: string | null
  generation: number | null
}

export interface Edit {
  at: number
  sequence: number
  source: string
  changes: Change[]
  omitted: number
  inverse: Inverse[]
  before: EditRates | null
  after: EditRates | null
}

/** What puts a policy, a route or an upstream back; `where` is `kubectl` or a file's path, `text` a command or YAML. */
export interface Inverse {
  name: string
  action: "change" | "add" | "remove"
  where: string
  text: string
  cut: boolean
}

/** Requests per second by outcome word. */
export interface EditRates {
  seconds: number
  outcomes: Record<string, number>
}

/** `client` null: requests without a key's name. */
export interface RejectedClient {
  client: string | null
  rejected: number
  remaining: number | null
}

export interface RejectedBy {
  name: string
  rejected: number
  clients: RejectedClient[]
  others: { clients: number; rejected: number }
}

export interface Clients {
  rules: RejectedBy[]
  moreRules: number
  routes: RejectedBy[]
  moreRoutes: number
}

/** A policy in Shadow mode; `since` null: the counts are of the last ten minutes. */
export interface Shadow {
  policy: string
  source: string
  targets: string[]
  since: number | null
  rejected: Record<string, number>
  opened: number
  rateLimit: Record<string, unknown> | null
  circuitBreaker: Record<string, unknown> | null
  enforce: { where: string; text: string }
}

export type Health = "healthy" | "unhealthy" | "ejected" | "unknown"

/** `inFlight` is rounded down to 0, 8, 32, 128, … */
export interface Endpoint {
  address: string
  health: Health
  inFlight: number
}

/** `others`: how many endpoints are not listed. `unreachable`: why the start reached none, until one has responded. */
export interface Upstream {
  name: string
  endpoints: Endpoint[]
  others: number
  unreachable: string | null
}

/** `lostPerS`: requests lost to it; `share`: of all requests. `edit`: the one that began it. */
interface ProblemOf {
  subject: string
  lostPerS: number
  share: number | null
  since: number
  edit: { sequence: number; at: number } | null
}

/** What is wrong now. `ownShare`: of the requests that its subject saw. */
export type Problem = ProblemOf &
  (
    | { kind: "limit"; rule: string; key: string; requests: number; periodS: number; ownShare: number }
    | {
        kind: "breaker"
        state: State
        failedProbes: number
        reason: string | null
        error: string | null
        forced: { by: string; why: string } | null
      }
    | { kind: "errors"; ownShare: number }
    | { kind: "slow"; p99Ms: number; timeoutS: number }
    | { kind: "slow"; p99Ms: null; ownShare: number; opensAt: number }
    | { kind: "config_rejected"; fault: string; faults: number }
    | { kind: "overload" | "store" | "internal" | "draining" | "not_ready" }
  )

/** What fills the panels, by their names; each comes whole when it has changed. */
export interface Panels {
  problems: { total: number; rows: Problem[] }
  edits: Edit[]
  upstreams: Upstream[]
  clients: Clients
  shadows: { rows: Shadow[]; more: number }
}

export interface Snapshot {
  type: "snapshot"
  version: number
  seq: number
  now: number
  gateway: Gateway
  breakers: (Breaker & { spark?: Spark })[]
  routes: { total: number; rows: Route[] }
  limits: Limit[]
  traffic: Traffic
  connections: Connections
  events: GatewayEvent[]
  test: Test
  panels: Panels
}

export interface History {
  type: "history"
  version: number
  since: number
  series: { stepS: number; t: number[]; columns: Record<string, (number | null)[]> }[]
  transitions: { fields: string[]; rows: TransitionRow[] }
}

export interface Delta {
  type: "delta"
  version: number
  seq: number
  now: number
  gateway?: Partial<Gateway>
  breakers?: (Partial<Breaker> & { name: string; spark?: Spark })[]
  breakersGone?: string[]
  tick?: { endsAt: number; breakers: Record<string, [number, number, number]> }
  routes?: { total: number; rows: (Partial<Route> & { name: string })[]; gone?: string[] }
  limits?: (Partial<Limit> & { id: string })[]
  limitsGone?: string[]
  traffic?: Traffic
  connections?: Connections
  series?: { stepS: number; t: number; columns: Record<string, number | null> }[]
  transitions?: TransitionRow[]
  events?: GatewayEvent[]
  test?: Test
  panels?: Partial<Panels>
}

export interface Reply {
  type: "reply"
  version: number
  id: string | number | null
  ok: boolean
  error?: { status: number; code: string; detail: string }
}

/** One try of a request. Times are milliseconds since the request came; `headMs` null: no response began. */
export interface Attempt {
  endpoint: string | null
  outcome: string
  headMs: number | null
  endMs: number
}

/** What became of a request. `runnerUp`: the route that takes such a request without `route`; null: none does.
 * `grpcStatus`: of a gRPC call, such as `UNAVAILABLE`; `status` is what it counts as. */
export interface Decision {
  requestId: string
  traceId: string | null
  at: number
  route: string | null
  runnerUp: string | null
  client: string | null
  tier: string | null
  method: string
  status: number
  grpcStatus: string | null
  reason: string
  error: string
  policy: string | null
  generation: number | null
  rules: { rule: string; remaining: number }[]
  limitsShared: boolean
  breaker: { name: string; state: State } | null
  attempts: Attempt[]
  durationMs: number
}

/** To `decisions`. `omitted`, `overwritten`, `restarted`: what was missed since the mark that was sent. */
export interface DecisionsReply extends Reply {
  decisions: Decision[]
  kept: number
  oldest: number | null
  mark: string
  omitted: number
  overwritten: number
  restarted: boolean
}

/** To `decision`. */
export interface DecisionReply extends Reply {
  decision: Decision
  sentences: string[]
}

export type Message = Snapshot | History | Delta | Reply
