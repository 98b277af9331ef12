// The gateway's clock as seen from here, and one shared ticker. While the feed is not live, time stands still.

let offsetMs: number | null = null
let frozenMs: number | null = null
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | null = null // runs from the first listener on

/** A message said that it is `gatewayMs` there. A message is never early, so the largest offset is the best. */
export function heardTime(gatewayMs: number): void {
  frozenMs = null
  const seen = gatewayMs - Date.now()
  if (offsetMs === null || seen > offsetMs || offsetMs - seen > 1500) offsetMs = seen
}

/** Milliseconds since 1970 by the gateway's clock. */
export function nowMs(): number {
  return frozenMs ?? Date.now() + (offsetMs ?? 0)
}

export function freeze(): void {
  frozenMs ??= nowMs()
}

/** Calls `listener` four times a second while the page is seen; returns what ends that. */
export function onTick(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    if (!document.hidden) listeners.forEach((listener) => listener())
  }, 250)
  return () => listeners.delete(listener)
}
