// Follows the decisions that a filter means, while they are in view and nobody reads one of them.

import { useState } from "preact/hooks"
import { type Listed, listed } from "../decisions"
import { useEffect, useRef } from "../hooks"
import type { DecisionFilter } from "../page"
import type { DecisionsReply } from "../protocol"
import { command } from "../socket"

const EVERY_MS = 2_000
const FIRST_ROWS = 50

/** `shown` null: not known yet. `fault`: why there is nothing new. `list`: followed while it is in view and not `held`. */
export function useDecisions(
  filter: DecisionFilter,
  list: { current: HTMLElement | null },
  held: boolean,
): { shown: Listed | null; fault: string } {
  const [shown, setShown] = useState<Listed | null>(null)
  const [fault, setFault] = useState("")
  const known = useRef<Listed | null>(null)
  const pausing = useRef(held)
  pausing.current = held
  const { reason, route, client, breaker, policy } = filter
  useEffect(() => {
    let isOver = false
    let isAsking = false
    known.current = null
    const ask = async () => {
      isAsking = true
      const before = known.current
      const wanted = { reason, route, client, breaker, policy, ...(before ? { after: before.mark } : { limit: FIRST_ROWS }) }
      const reply = (await command("decisions", wanted)) as DecisionsReply
      isAsking = false
      if (isOver) return
      const code = reply.error?.code
      if (reply.ok) {
        known.current = listed(before, reply)
        setShown(known.current)
        setFault("")
      } else if (code === "no_decision" || code === "bad_request") setFault(reply.error!.detail)
      // otherwise the page is not live, or the gateway is busy: asked again
    }
    const look = () => {
      if (isAsking || document.hidden || (known.current && (pausing.current || !inView(list.current)))) return
      void ask()
    }
    look()
    const timer = setInterval(look, EVERY_MS)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [reason, route, client, breaker, policy])
  return { shown, fault }
}

function inView(element: HTMLElement | null): boolean {
  if (!element) return true
  const { top, bottom } = element.getBoundingClientRect()
  return bottom > 0 && top < innerHeight
}
