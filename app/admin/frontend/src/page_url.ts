// What the viewer chose, as the page's address: a link shows someone else the same window, selection and filter. Pure.
//
// To share one more choice, held in a cell: make its field (`oneOf`, `freeText`, or one of your own) and add a line
// beside the cell, `share("reason", decisionReason, freeText())` (shared_url.ts). The name stands in people's links:
// one plain word, never to be changed. A field's default is left out of the address; what it cannot read is ignored,
// and the page says so with `expected`.

/** `endMs` null: follows the time. `spanMs` null: all since the gateway started. */
export interface TimeWindow {
  spanMs: number | null
  endMs: number | null
}

/** The breaker, and the time of it, whose events the feed shows. */
export interface Selection {
  breaker: string
  fromMs: number | null
  toMs: number | null
  bandId: number | null
}

/** Which decisions about requests are shown; "" is any. `breaker`: that the requests met; `policy`: that ended them. */
export interface DecisionFilter {
  reason: string
  route: string
  client: string
  breaker: string
  policy: string
}

export const ANY_DECISION: DecisionFilter = { reason: "", route: "", client: "", breaker: "", policy: "" }

export interface UrlField<T> {
  /** What would be right, for people. */
  expected: string
  /** undefined where `text` is no value of this field. Never throws. */
  read: (text: string) => T | undefined
  /** "" for the default. */
  write: (value: T) => string
}

const MOST_TEXT = 200

/** A choice out of a few words. */
export function oneOf<T extends string>(words: readonly T[], usual: T): UrlField<T> {
  return {
    expected: `one of ${words.join(", ")}`,
    read: (text) => words.find((word) => word === text),
    write: (word) => (word === usual ? "" : word),
  }
}

/** What someone typed; "" is the default. */
export function freeText(): UrlField<string> {
  return {
    expected: `a text of at most ${MOST_TEXT} characters`,
    read: (text) => (text.length <= MOST_TEXT ? text : undefined),
    write: (text) => text.slice(0, MOST_TEXT),
  }
}

const LEAST_SPAN_MS = 5_000
const MOST_SPAN_MS = 30 * 86_400_000

/** `5m`, `1h30m`, `all` end now and move on; `2026-11-27T14:03:12Z/2026-11-27T14:05:12Z` stays. */
export function timeField(usualMs: number): UrlField<TimeWindow> {
  return {
    expected: "a span such as 5m or 1h, all, or two instants such as 2026-11-27T14:03:12Z/2026-11-27T14:05:12Z",
    read: (text) => {
      if (text === "all") return { spanMs: null, endMs: null }
      const [from, to, ...more] = text.split("/")
      if (to === undefined) return fitting(spanOf(text), null)
      const [fromMs, toMs] = [instantOf(from!), instantOf(to)]
      if (fromMs === undefined || toMs === undefined || more.length > 0) return undefined
      return fitting(toMs - fromMs, toMs)
    },
    write: ({ spanMs, endMs }) => {
      if (endMs === null) return spanMs === null ? "all" : spanMs === usualMs ? "" : spanText(spanMs)
      return spanMs === null ? "all" : `${instantText(endMs - spanMs)}/${instantText(endMs)}`
    },
  }
}

function fitting(spanMs: number | undefined, endMs: number | null): TimeWindow | undefined {
  if (spanMs === undefined || spanMs < LEAST_SPAN_MS || spanMs > MOST_SPAN_MS) return undefined
  return { spanMs, endMs }
}

/** `orders`, or with the beginning of a band of it: `orders,2026-11-27T14:03:12.345Z`. */
export function selectionField(): UrlField<Selection | null> {
  return {
    expected: "a breaker, or a breaker, a comma and an instant",
    read: (text) => {
      const [, breaker = "", instant] = /^(.*?)(?:,(\d{4}-[^,]*))?$/.exec(text) ?? []
      const fromMs = instant === undefined ? null : instantOf(instant)
      if (breaker === "" || fromMs === undefined || text.length > 2 * MOST_TEXT) return undefined
      return { breaker, fromMs, toMs: null, bandId: null }
    },
    write: (chosen) => {
      if (chosen === null) return ""
      return chosen.fromMs === null ? chosen.breaker : `${chosen.breaker},${instantText(chosen.fromMs)}`
    },
  }
}

/** `all`, or what narrows them: `reason:rate_limited,client:acme`. null, the default: not shown. */
export function decisionsField(): UrlField<DecisionFilter | null> {
  const names = Object.keys(ANY_DECISION) as (keyof DecisionFilter)[]
  return {
    expected: `all, or some of ${names.map((name) => `${name}:…`).join(",")}`,
    read: (text) => {
      if (text === "all") return ANY_DECISION
      const filter = { ...ANY_DECISION }
      for (const part of text.split(",")) {
        const [, word, value] = /^([a-z]+):(.+)$/.exec(part) ?? []
        const name = names.find((one) => one === word)
        if (name === undefined || value === undefined || value.length > MOST_TEXT) return undefined
        filter[name] = value
      }
      return filter
    },
    write: (filter) => {
      if (filter === null) return ""
      const parts = names.filter((name) => filter[name] !== "").map((name) => `${name}:${filter[name].replaceAll(",", "")}`)
      return parts.join(",") || "all"
    },
  }
}

/** The text of a parameter of `search` (`?a=b`); undefined without it. */
export function parameter(search: string, name: string): string | undefined {
  return new URLSearchParams(search).get(name) ?? undefined
}

/** `search` with these parameters instead of its own of those names; "" leaves one out. Others stay as they are. */
export function withParameters(search: string, texts: ReadonlyMap<string, string>): string {
  const kept = [...new URLSearchParams(search)].filter(([name]) => !texts.has(name))
  const written = [...kept, ...texts].filter(([name, text]) => text !== "" || !texts.has(name))
  return written.length === 0 ? "" : `?${written.map(([name, text]) => `${plain(name)}=${plain(text)}`).join("&")}`
}

/** Encoded, but for what may stand in a query as it is (RFC 3986 §3.4), so that people can read it. */
function plain(text: string): string {
  return encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, "\ufffd")).replace(/%(3A|2F|2C|40)/g, (code) => decodeURIComponent(code))
}

function instantOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

function instantText(ms: number): string {
  return new Date(Math.round(ms)).toISOString().replace(".000Z", "Z")
}

function spanOf(text: string): number | undefined {
  const [whole, h = "0", min = "0", s = "0"] = /^(?:(\d{1,3})h)?(?:(\d{1,5})m)?(?:(\d{1,7})s)?$/.exec(text) ?? []
  return whole ? (Number(h) * 3600 + Number(min) * 60 + Number(s)) * 1000 : undefined
}

function spanText(ms: number): string {
  const s = Math.round(ms / 1000)
  const parts = [[Math.floor(s / 3600), "h"], [Math.floor(s / 60) % 60, "m"], [s % 60, "s"]] as const
  return parts.map(([count, unit]) => (count ? `${count}${unit}` : "")).join("")
}
