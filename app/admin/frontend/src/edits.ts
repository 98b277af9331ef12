// What is said of an edit: its changes in one line, where they came from, what traffic did around it. Pure.

import { timeOfDay } from "./format"
import { sums } from "./outcomes"
import type { Change, Edit, EditRates, Inverse } from "./protocol"

/** `per-client.requests`, `circuitBreaker.openDuration`, `upstream orders: endpoints`. */
export function settingName({ stanza, field }: Change): string {
  return field.startsWith("rules.") ? field.slice("rules.".length) : `${stanza}.${field}`
}

/** A value as people read it; `not set` for null. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return "not set"
  if (Array.isArray(value)) return value.length ? value.map(String).join(", ") : "none"
  return typeof value === "object" ? JSON.stringify(value) : String(value)
}

/** `per-client.requests 1800 → 18`, with the target where that is not the whole gateway. */
export function changeText(change: Change): string {
  const target = change.target === "Gateway" ? "" : `${change.target} `
  return `${target}${settingName(change)} ${valueText(change.old)} → ${valueText(change.new)}`
}

/** Where a new value comes from: `file · defaults`, `resource · shop/limits, generation 4`. */
export function originOf({ source, policy, generation }: Change): string {
  const named = policy && policy !== source ? ` · ${policy}` : ""
  return `${source}${named}${generation === null ? "" : `, generation ${generation}`}`
}

/** One line: the first change, and how many others there are. */
export function summary({ changes, omitted }: Edit): string {
  const [first] = changes
  if (!first) return "no setting in force changed"
  const others = changes.length + omitted - 1
  return `${changeText(first)}${others ? `, and ${others} more` : ""}`
}

/** What a marker says: `03:42:20 per-client.requests 1800 → 18`. */
export function markText(edit: Edit): string {
  return `${timeOfDay(edit.at)} ${summary(edit)}`
}

/** The last part of a path; other sources as they are. */
export function sourceName(source: string): string {
  const words: Record<string, string> = { sync: "operator", configmap: "mounted snapshot", override: "override ended" }
  return words[source] ?? source.replace(/^.*\//, "")
}

const BY_KUBECTL = { change: "Patch", add: "Apply again", remove: "Delete" }
const IN_FILE = { change: "Replace", add: "Add again", remove: "Remove" }

/** What an inverse does, and where: `Patch shop/limits with kubectl`, `Replace defaults in gateway.yaml`. */
export function backTitle({ action, name, where }: Inverse): { verb: string; name: string; place: string } {
  const byKubectl = where === "kubectl"
  const verb = (byKubectl ? BY_KUBECTL : IN_FILE)[action]
  return { verb, name, place: byKubectl ? "with kubectl" : `${PLACE[action]} ${sourceName(where)}` }
}

const PLACE = { change: "in", add: "to", remove: "from" }

export const CUT_HINT = "Too long for the page, and cut here: the whole is in GET /v1/config/history."

/** Why there is nothing, or not all, to be copied; "" where the inverses say it all. */
export function backHint(edit: Edit): string {
  if (edit.source === "override") return "An override of a policy ended at its own time: there is nothing to put back."
  const back = new Set(edit.inverse.map((inverse) => inverse.name))
  const secret = new Set(
    edit.changes.filter(({ stanza, target }) => ITEMS.has(stanza) && !back.has(target)).map(({ target }) => target),
  )
  if (secret.size > 0) {
    const named = [...secret].slice(0, 3).join(", ") + (secret.size > 3 ? ` and ${secret.size - 3} more` : "")
    const why = secret.size > 1 ? "are not shown because they may hold secrets" : "is not shown because it may hold secrets"
    return `${named} ${why}. Restore the previous file.`
  }
  if (edit.inverse.length === 0 && edit.changes.length > 0) return "The first policies since the start: there is nothing to revert to."
  return ""
}

const ITEMS = new Set(["route", "upstream", "key"])

export interface RateCells {
  perS: number
  failed: number | null
  rejected: number | null
}

/** Requests a second, and which shares of them failed and were rejected; null without any. */
export function rateCells({ outcomes }: EditRates): RateCells {
  const perS = Object.values(outcomes).reduce((sum, rate) => sum + rate, 0)
  const { failed, rejected } = sums(outcomes)
  const share = (rate: number) => (perS > 0 ? rate / perS : null)
  return { perS, failed: share(failed), rejected: share(rejected) }
}

const AFTER_MS = 62_000 // with the second that completes the window

/** Why there are no rates. */
export function unseen(edit: Edit, side: "before" | "after", nowMs: number): string {
  return side === "after" && nowMs - edit.at < AFTER_MS ? "not enough seen yet" : "not enough seen"
}
