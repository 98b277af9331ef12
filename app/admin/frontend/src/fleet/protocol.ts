// GET /v1/fleet of the operator's admin port, version 1, as docs/operator.md has it. Instants are milliseconds since 1970
// by the operator's clock.

import type { State } from "../protocol"

export interface Rates {
  rps: number
  failedPerS: number
  rejectedPerS: number
  p99Ms: number | null
}

export type Reports = "live" | "silent" | "awaited" | "unable" | "unheard"

export interface Pod {
  namespace: string
  pod: string
  gateway: string | null
  version: string
  takesTraffic: boolean
  snapshot: number
  snapshotState: "applied" | "pending" | "rejected" | "stale"
  error: string
  reports: Reports
  heardAt: number | null
  calledAt: number | null
  clockAheadS: number
  configSequence: number | null
  ready: boolean | null
  draining: boolean | null
  traffic: Rates | null
  breakersOmitted: number
}

/** Rates are absent where only the state is known. */
export interface FleetCell extends Partial<Rates> {
  state: State
  downSince?: number | null
  failedProbes?: number
  forced?: boolean
}

export interface Row {
  namespace: string
  breaker: string
  sums: Rates
  /** As `pods`; null where a pod has no such breaker. */
  cells: (FleetCell | null)[]
}

export interface Difference {
  namespace: string
  gateway: string
  target: string
  stanza: string
  values: { value: string; pods: string[] }[]
}

export interface Fleet {
  version: number
  now: number
  paceS: number
  pods: Pod[]
  podsTotal: number
  sums: Rates & { pods: number }
  rows: Row[]
  rowsTotal: number
  differences: Difference[]
  differencesTotal: number
  operator: { version: string; snapshot: number; missing: string[] }
}
