// Healthy breakers, a line each, in as many columns as fit; a click opens one into its tile.

import { useLayoutEffect, useState } from "preact/hooks"
import { useCell } from "../cell"
import { amount, latency, percent } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { openedRows } from "../page"
import type { Breaker } from "../protocol"
import { ALARMING, STATE_WORD } from "../words"
import { Mark } from "./mark"
import { SparkLine } from "./spark"
import { Tile } from "./tile"

const LEAST_REM = 25 // of a column

export function Rows({ names }: { names: string[] }) {
  const box = useRef<HTMLDivElement>(null)
  const columns = Math.min(useColumns(box), Math.max(1, names.length))
  const each = Math.ceil(names.length / columns)
  return (
    <div class="rows" ref={box}>
      {Array.from({ length: columns }, (_, i) => names.slice(i * each, (i + 1) * each)).map(
        (part, i) =>
          part.length > 0 && (
            <div key={i} class="rows-column">
              <p class="rows-head" aria-hidden="true">
                <span>last minute</span>
                <span>req/s</span>
                <span>errors</span>
                <span>p99</span>
              </p>
              <ul>
                {part.map((name) => (
                  <Row key={name} name={name} />
                ))}
              </ul>
            </div>
          ),
      )}
    </div>
  )
}

function useColumns(box: { current: HTMLElement | null }): number {
  const [columns, setColumns] = useState(1)
  useLayoutEffect(() => {
    const own = box.current
    if (!own) return
    const measure = () => {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize)
      setColumns(Math.max(1, Math.floor(own.clientWidth / (LEAST_REM * rem))))
    }
    measure()
    const watching = new ResizeObserver(measure)
    watching.observe(own)
    return () => watching.disconnect()
  }, [])
  return columns
}

/** Whose button gets the focus when it is drawn: the one that was there instead had it. */
let focusOn = ""

function turn(name: string, open: boolean): void {
  focusOn = name
  const names = new Set(openedRows.value)
  if (open) names.add(name)
  else names.delete(name)
  openedRows.value = names
}

function useFocus(name: string) {
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (focusOn !== name) return
    focusOn = ""
    button.current?.focus({ preventScroll: true })
  }, [])
  return button
}

function Row({ name }: { name: string }) {
  const breaker = useModel((model) => model.breakers.get(name))
  const opened = useCell(openedRows)
  if (!breaker) return null
  if (!opened.has(name)) return <Line breaker={breaker} />
  return <Tile name={name} fold={<Fold name={name} />} />
}

function Fold({ name }: { name: string }) {
  const button = useFocus(name)
  return (
    <button ref={button} type="button" class="tile-fold" aria-expanded="true" onClick={() => turn(name, false)}>
      <bdi>{name}</bdi>
    </button>
  )
}

function Line({ breaker }: { breaker: Breaker }) {
  const { name, state, rps, errorShare, p99Ms } = breaker
  const button = useFocus(name)
  const failing = errorShare !== null && errorShare > 0
  const tone = failing ? (errorShare >= ALARMING ? " bad" : " some") : ""
  return (
    <li class={`row row-${state}`} data-breaker={name}>
      <button ref={button} type="button" aria-expanded="false" title={name} onClick={() => turn(name, true)}>
        <Mark state={state} />
        <span class="row-name">
          <bdi>{name}</bdi> <span class={state === "closed" ? "hidden" : "row-state"}>{STATE_WORD[state]}</span>
        </span>
        <SparkLine name={name} />
        <span class="num" data-figure="rps">
          {amount(rps)}
          <span class="hidden"> requests per second</span>
        </span>
        <span class={`num${tone}`} data-figure="errors">
          {errorShare === null ? "–" : percent(errorShare)}
          <span class="hidden"> errors</span>
        </span>
        <span class="num" data-figure="p99">
          {latency(p99Ms === null ? null : p99Ms / 1000)}
          <span class="hidden"> p99</span>
        </span>
      </button>
    </li>
  )
}
