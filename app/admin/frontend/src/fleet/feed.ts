// Asks the operator again and again. By polling, for a WebSocket does not pass everywhere; and only while the page is seen,
// for gateways report only while somebody looks.

import { freeze, heardTime } from "../clock"
import { Cell } from "../cell"
import type { Fleet } from "./protocol"

const GIVE_UP_MS = 6_000
const LOST_AFTER = 2 // tries in a row
const LONGEST_PAUSE_MS = 15_000

/** `fault`: what the last response said where it was none to use; "" where none came. */
export type FleetLink =
  | { status: "connecting" }
  | { status: "live" }
  | { status: "lost"; fault: string; retryAtMs: number }

export const fleet = new Cell<Fleet | null>(null)
export const link = new Cell<FleetLink>({ status: "connecting" })

let timer = 0
let failures = 0
let asking = false

export async function ask(): Promise<void> {
  clearTimeout(timer)
  if (asking || document.hidden) return
  asking = true
  const found = await fetched()
  asking = false
  if (typeof found !== "string") {
    failures = 0
    heardTime(found.now)
    fleet.value = found
    link.value = { status: "live" }
    timer = window.setTimeout(ask, Math.max(1, found.paceS) * 1000)
    return
  }
  failures += 1
  const pauseMs = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures)
  if (failures >= LOST_AFTER || fleet.value === null) {
    freeze()
    link.value = { status: "lost", fault: found, retryAtMs: Date.now() + pauseMs }
  }
  timer = window.setTimeout(ask, pauseMs)
}

/** The fleet, or what is wrong. */
async function fetched(): Promise<Fleet | string> {
  try {
    const response = await fetch("../v1/fleet", { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" })
    if (!response.ok) return `HTTP ${response.status}`
    const found = (await response.json()) as Fleet
    return found.version === 1 ? found : `version ${found.version} of the operator's list is not known to this page; reload it`
  } catch {
    return ""
  }
}

document.addEventListener("visibilitychange", () => void ask())
addEventListener("online", () => void ask())
