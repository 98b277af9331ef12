// Numbers and times as people read them. Units are in the names.

const NBSP = "\u00a0"

/** `8 s`, `4 min 12 s`, `3 h 05 min`, `2 d 4 h`; below a minute with a tenth where `fine`. */
export function duration(ms: number, fine = false): string {
  const s = Math.max(0, ms) / 1000
  if (fine && s < 0.995) return `${Math.round(s * 1000)}${NBSP}ms`
  if (fine && s < 59.95) return `${s.toFixed(1)}${NBSP}s`
  const whole = Math.floor(s)
  if (whole < 60) return `${whole}${NBSP}s`
  const min = Math.floor(whole / 60)
  if (min < 60) return `${min}${NBSP}min${NBSP}${two(whole % 60)}${NBSP}s`
  const h = Math.floor(min / 60)
  if (h < 24) return `${h}${NBSP}h${NBSP}${two(min % 60)}${NBSP}min`
  return `${Math.floor(h / 24)}${NBSP}d${NBSP}${h % 24}${NBSP}h`
}

/** A latency: `0.4 ms`, `48 ms`, `1.25 s`; an em dash where nothing was measured. */
export function latency(s: number | null): string {
  if (s === null) return "–"
  const ms = s * 1000
  if (ms < 9.95) return `${ms.toFixed(1)}${NBSP}ms`
  if (ms < 999.5) return `${Math.round(ms)}${NBSP}ms`
  return `${s.toFixed(s < 9.95 ? 2 : 1)}${NBSP}s`
}

/** A count or a rate: `0`, `0.4`, `23`, `1,240`, `18.2k`, `1.20M`. */
export function amount(value: number): string {
  if (value === 0) return "0"
  if (value < 9.95) return Number.isInteger(value) ? `${value}` : value.toFixed(1)
  if (value < 9999.5) return Math.round(value).toLocaleString("en")
  if (value < 999_500) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}k`
  return `${(value / 1_000_000).toFixed(2)}M`
}

/** A share of 0–1: `0 %`, `0.4 %`, `< 0.1 %`, `12 %`. */
export function percent(share: number): string {
  const value = share * 100
  if (value === 0) return `0${NBSP}%`
  if (value < 0.1) return `<${NBSP}0.1${NBSP}%`
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)}${NBSP}%`
}

/** Local time of day, `14:03:11`; with tenths where `fine`. */
export function timeOfDay(ms: number, fine = false): string {
  const date = new Date(ms)
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return fine ? `${text}.${Math.floor(date.getMilliseconds() / 100)}` : text
}

/** In full, for a title or a file: `2026-11-27 14:03:11.250 UTC+01:00`. */
export function instant(ms: number): string {
  const date = new Date(ms)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${timeOfDay(ms)}.${String(date.getMilliseconds()).padStart(3, "0")} ${zone(ms)}`
}

/** This browser's distance from UTC at `ms`: `UTC`, `UTC+01:00`, `UTC−03:30`. */
export function zone(ms: number): string {
  const min = -new Date(ms).getTimezoneOffset()
  if (min === 0) return "UTC"
  const apart = Math.abs(min)
  return `UTC${min < 0 ? "−" : "+"}${two(Math.floor(apart / 60))}:${two(apart % 60)}`
}

/** Time of day, with the date before it where it was not today. */
export function moment(ms: number, nowMs: number): string {
  const date = new Date(ms)
  if (date.toDateString() === new Date(nowMs).toDateString()) return timeOfDay(ms)
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${timeOfDay(ms)}`
}

const PERIOD: Record<number, string> = { 1: "s", 60: "min", 3600: "h", 86400: "d" }
/** Who shares the budget of a limit's rule, by its key. */
export const SHARED_BY: Record<string, string> = {
  Client: "per client",
  ClientIP: "per client address",
  Header: "per header value",
  Global: "for all clients",
}

/** A limit as people say it: `100/min per client`, `5/10 s for all clients`. */
export function limitRate(requests: number, periodS: number, key: string): string {
  return `${amount(requests)}/${PERIOD[periodS] ?? duration(periodS * 1000)} ${SHARED_BY[key] ?? `per ${key}`}`
}

/** `consecutive_failures` → `consecutive failures`. */
export function words(code: string): string {
  return code.replaceAll("_", " ")
}

function two(value: number): string {
  return String(value).padStart(2, "0")
}
