// What is said of the clients that rejections hit. Pure.

import { amount } from "./format"
import type { RejectedBy, RejectedClient } from "./protocol"

/** Requests without a key's name are told together. */
export const NAMELESS = "without a name"

const KEPT = 64 // clients that the gateway keeps for a rule; there may be more

export function clientName({ client }: RejectedClient): string {
  return client ?? NAMELESS
}

/** `acme`, or `acme and 3 more`; "" where nobody was rejected. */
export function whom(row: RejectedBy | undefined): string {
  const [first, ...others] = row?.clients ?? []
  if (!row || !first) return ""
  const more = others.length + row.others.clients
  return `${clientName(first)}${more ? ` and ${more} more` : ""}`
}

/** What a client may send now; "" where that is not known. */
export function left({ remaining }: RejectedClient): string {
  if (remaining === null) return ""
  return remaining === 0 ? "none left now" : `${amount(remaining)} left now`
}

/** `3 others: 42 rejected`; "" without any. */
export function othersText({ others, clients }: RejectedBy): string {
  if (others.clients === 0) return ""
  const more = others.clients + clients.length >= KEPT ? " or more" : ""
  const noun = others.clients === 1 ? "other" : "others"
  return `${others.clients}${more} ${noun}: ${amount(others.rejected)} rejected`
}
