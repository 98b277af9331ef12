// What is said of policies in Shadow mode. Pure.

import { amount, moment, SHARED_BY, words } from "./format"
import type { Shadow } from "./protocol"
import { settingsLine } from "./words"

/** `in 10 minutes`, or since when its settings are in force. */
export function period({ since }: Shadow, nowMs: number): string {
  return since === null ? "in 10 minutes" : `since ${moment(since, nowMs)}`
}

export function total({ rejected }: Shadow): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0)
}

/** `rate limited 700, breaker open 11`; "" for less than two reasons. */
export function reasons({ rejected }: Shadow): string {
  const found = Object.entries(rejected).sort(([, a], [, b]) => b - a)
  return found.length < 2 ? "" : found.map(([reason, count]) => `${words(reason)} ${amount(count)}`).join(", ")
}

interface Rule {
  name: string
  key: string
  requests: number
  period: string
}

/** What it would do, a line for each rule and one for the breaker. */
export function settingLines({ rateLimit, circuitBreaker }: Shadow): string[] {
  const rules = ((rateLimit?.rules ?? []) as Rule[]).map(
    (rule) => `limit ${rule.name}: ${amount(rule.requests)} per ${rule.period} ${SHARED_BY[rule.key] ?? ""}`.trim(),
  )
  return circuitBreaker ? [...rules, `breaker: ${settingsLine(circuitBreaker)}`] : rules
}
