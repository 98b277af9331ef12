// The endpoints of an upstream, in words. Pure.

import type { Endpoint, Health, Upstream } from "./protocol"

export const HEALTH_WORD: Record<Health, string> = {
  healthy: "healthy",
  unhealthy: "unhealthy",
  ejected: "ejected",
  unknown: "not used yet",
}

/** What is wrong with all of them; "" while one takes requests or nothing is known. */
export function warning({ endpoints, others, unreachable }: Upstream): string {
  if (unreachable !== null) return `No endpoint was reachable at the start: ${unreachable}`
  const out = endpoints.filter(isOut).length
  if (out === 0 || others > 0 || out < endpoints.length) return ""
  return endpoints.length === 1 ? "Its only endpoint does not respond well" : `None of its ${out} endpoints responds well`
}

/** `3 endpoints healthy`, `2 of 3 endpoints healthy, 10.0.0.7:80 ejected`, `10.0.0.7:80, healthy`. */
export function summary({ endpoints, others }: Upstream): string {
  const total = endpoints.length + others
  if (total === 0) return "no endpoint"
  if (total === 1) return `${endpoints[0]!.address}, ${HEALTH_WORD[endpoints[0]!.health]}`
  const out = endpoints.filter(isOut)
  const unused = endpoints.filter((one) => one.health === "unknown").length
  if (unused === total) return `${total} endpoints, not used yet`
  const healthy = total - out.length - unused
  const said = [healthy === total ? `${total} endpoints healthy` : `${healthy} of ${total} endpoints healthy`]
  if (out.length > 0) said.push(`${out[0]!.address} ${HEALTH_WORD[out[0]!.health]}`)
  if (out.length > 1) said.push(`${out.length - 1} more out`)
  if (unused > 0) said.push(`${unused} not used yet`)
  return said.join(", ")
}

/** `32+ in flight`: the number is rounded down; "" where it is small. */
export function load({ inFlight }: Endpoint): string {
  return inFlight > 0 ? `${inFlight.toLocaleString("en")}+ in flight` : ""
}

function isOut({ health }: Endpoint): boolean {
  return health === "ejected" || health === "unhealthy"
}
