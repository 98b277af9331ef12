// The state of things in one sentence, for eyes and for screen readers.

import { useState } from "preact/hooks"
import { useEffect, useModel, useRef } from "../hooks"
import type { Breaker } from "../protocol"
import { cause, errorWord, next, STATE_WORD } from "../words"
import { Mark } from "./mark"
import { Ticking } from "./ticking"

export function Verdict() {
  const breakers = useModel((model) => model.breakers)
  const ready = useModel((model) => model.gateway !== null)
  const of = (state: string) => [...breakers.values()].filter((one) => one.state === state)
  const [open, half] = [of("open"), of("half_open")]
  const worst = open.length ? "open" : half.length ? "half_open" : "closed"
  const drilled = open.length > 0 && open.every((one) => one.override)
  const first = open.find((one) => !one.override) ?? open[0] ?? half[0]
  return (
    <div class={`verdict verdict-${drilled ? "drilled" : worst}`}>
      <Mark state={worst} />
      <div>
        <h1>{ready ? sentence(breakers.size, open, half) : "Connecting to the gateway …"}</h1>
        <p>{first ? <Ticking text={() => story(first)} /> : ready ? calm(breakers) : "\u00a0"}</p>
      </div>
    </div>
  )
}

function sentence(total: number, open: Breaker[], half: Breaker[]): string {
  if (open.length === 1) {
    const also = half.length === 1 ? `, ${half[0]!.name} half-open` : half.length ? `, ${half.length} half-open` : ""
    return `${open[0]!.name} is ${open[0]!.override ? "held open" : "open"}${also}`
  }
  if (open.length) return `${open.length} of ${total} breakers are open`
  if (half.length === 1) return `${half[0]!.name} is half-open`
  if (half.length) return `${half.length} of ${total} breakers are half-open`
  if (total === 0) return "No breakers"
  return total === 1 ? "The breaker is closed" : `All ${total} breakers are closed`
}

function story(breaker: Breaker): string {
  const { override, lastError, name } = breaker
  if (override) return `Drill by ${override.by}${override.why && `, ${override.why}`}; ${next(breaker)}`
  const error = lastError ? ` (${errorWord(lastError.reason)})` : ""
  return `${name}: ${cause(breaker.reason)}${error}; ${next(breaker)}`
}

function calm(breakers: ReadonlyMap<string, Breaker>): string {
  const counting = [...breakers.values()].filter((one) => one.failuresInRow > 0)
  if (counting.length === 1) return `${counting[0]!.name} counts failures: ${counting[0]!.failuresInRow} in a row`
  if (counting.length) return `${counting.length} of them count failures`
  return "Every upstream takes requests"
}

/** Says changes of state to those who do not see them; the sign of the feed speaks for itself. */
export function Announcer() {
  const breakers = useModel((model) => model.breakers)
  const announced = useRef(new Map<string, string>())
  const [text, setText] = useState("")
  useEffect(() => {
    const news = []
    for (const { name, state, reason } of breakers.values()) {
      const before = announced.current.get(name)
      if (before !== undefined && before !== state) news.push(`${name} is ${STATE_WORD[state].toLowerCase()}: ${cause(reason)}.`)
      announced.current.set(name, state)
    }
    if (news.length > 3) setText(`${news.length} breakers changed. ${news.slice(0, 2).join(" ")}`)
    else if (news.length) setText(news.join(" "))
  }, [breakers])
  return (
    <p class="hidden" aria-live="polite" data-announcer>
      {text}
    </p>
  )
}
