// How the browser's tab shows the state of things: its title and its icon.

import { nameOf, type Tone, tone } from "./problems"
import type { Problem } from "./protocol"
import type { Link } from "./store"

export type Sign = Tone | "well" | "unknown" | "lost"

/** `known`: whether anything was heard of the gateway yet. */
export function signOf(link: Link["status"], known: boolean, problems: readonly Problem[]): Sign {
  if (link === "lost") return "lost"
  if (!known) return "unknown"
  return problems[0] ? tone(problems[0]) : "well"
}

const MARK: Record<Sign, string> = { bad: "✖", warn: "◆", drilled: "◆", well: "✔", unknown: "", lost: "⚠" }

/** `✖ 2 problems · limit per-client — Tidegate`; `pod`: which gateway it is, where that is known. */
export function titleOf(sign: Sign, total: number, first: Problem | undefined, pod: string | undefined): string {
  const whose = pod ? `${pod} — Tidegate` : "Tidegate"
  if (sign === "unknown") return "Tidegate monitor"
  if (sign === "lost") return `${MARK.lost} Not live — ${whose}`
  if (!first) return `${MARK.well} All well — ${whose}`
  const count = total > 1 ? `${total} problems · ` : ""
  return `${MARK[sign]} ${count}${nameOf(first)} — ${whose}`
}

// By shape as well as by colour: the octagon, the diamond and the disc of the page, at 16 pixels.
const SHAPE: Record<Exclude<Sign, "unknown">, string> = {
  bad: '<path d="M10 2h12l8 8v12l-8 8H10l-8-8V10z" fill="#d5382c"/><path d="M11 11l10 10M21 11L11 21" stroke="#fff" stroke-width="4" stroke-linecap="round"/>',
  warn: '<path d="M16 1l15 15-15 15L1 16z" fill="#dfa321"/><path d="M16 8v10" stroke="#15212a" stroke-width="4" stroke-linecap="round"/><circle cx="16" cy="23.5" r="2.4" fill="#15212a"/>',
  drilled: '<path d="M16 1l15 15-15 15L1 16z" fill="#6d5fd0"/><path d="M12 11v10M20 11v10" stroke="#fff" stroke-width="4" stroke-linecap="round"/>',
  well: '<circle cx="16" cy="16" r="15" fill="#2c9a71"/><path d="M9 16.5l5 5 9-10" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round" stroke-linejoin="round"/>',
  lost: '<circle cx="16" cy="16" r="13" fill="none" stroke="#8a98a2" stroke-width="5" stroke-dasharray="7 5"/>',
}

/** An image that needs no request, so it also changes while the gateway is gone; null: the page's own. */
export function iconOf(sign: Sign): string | null {
  if (sign === "unknown") return null
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${SHAPE[sign]}</svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
