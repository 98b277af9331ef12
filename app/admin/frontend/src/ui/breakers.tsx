// All breakers: tiles for what asks for attention, rows for the healthy ones. Nothing moves while it is pointed at.

import { useCell } from "../cell"
import { nowMs } from "../clock"
import { timeoutMs } from "../concern"
import { useModel, useRef, useTicking } from "../hooks"
import { filterText, type Shown, shownState, type Sort, sortBy } from "../page"
import type { State } from "../protocol"
import { matches, NOTHING, stand, type Standing } from "../standing"
import { type Model, read } from "../store"
import { STATE_WORD } from "../words"
import { useAnchor, useAttention, useHeld } from "./held"
import { Mark } from "./mark"
import { Rows } from "./rows"
import { Tile } from "./tile"

const SORTS: [Sort, string][] = [
  ["lost", "Most lost"],
  ["name", "Name"],
  ["requests", "Most requests"],
  ["errors", "Most errors"],
  ["p99", "Slowest (p99)"],
]

export function Breakers() {
  const text = useCell(filterText)
  const state = useCell(shownState)
  const sort = useCell(sortBy)
  const total = useModel((model) => model.breakers.size)
  const list = useRef<HTMLDivElement>(null)
  const wanted = useOrder(text, state, sort)
  const hold = useAttention(list)
  const { shown, isHeld } = useHeld(wanted, hold, `${sort} ${state} ${text}`)
  useAnchor(list, hold)
  const [tiles, rows] = shown.split("\t").map((names) => (names === "" ? [] : names.split("\n"))) as [string[], string[]]
  return (
    <section class="breakers" aria-labelledby="breakers-title">
      <div class="section-head">
        <h2 id="breakers-title" tabIndex={-1}>Circuit breakers</h2>
        <Counts state={state} />
        <div class="tools">
          <label>
            <span class="hidden">Find breakers by name</span>
            <input
              id="filter"
              type="search"
              title="Find breakers and routes by name (/)"
              placeholder="Find by name"
              value={text}
              onInput={(event) => (filterText.value = event.currentTarget.value)}
            />
          </label>
          <label>
            <span class="hidden">Order</span>
            <select value={sort} onChange={(event) => (sortBy.value = event.currentTarget.value as Sort)}>
              {SORTS.map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        </div>
      </div>
      <div class="breakers-list" ref={list}>
        {tiles.length > 0 && (
          <ul class="tiles">
            {tiles.map((name) => (
              <Tile key={name} name={name} />
            ))}
          </ul>
        )}
        {rows.length > 0 && <Rows names={rows} />}
        <p class="held" role="status">
          {isHeld && <span>Order held while you are here</span>}
        </p>
      </div>
      {tiles.length + rows.length === 0 && <p class="empty">{total === 0 ? "No route uses a breaker." : "No match"}</p>}
    </section>
  )
}

/** Names of the tiles, a tab, names of the rows; as one text, so that it is only drawn again when it differs. */
function useOrder(text: string, state: Shown, sort: Sort): string {
  const standing = useRef<Standing>(NOTHING)
  const order = ({ breakers, routes }: Model) => {
    standing.current = stand(standing.current, breakers, (name) => timeoutMs(routes, name), sort, nowMs())
    const { tiles, order: names } = standing.current
    const found = names.filter((name) => matches(breakers.get(name)!, text, state))
    const part = (isTile: boolean) => found.filter((name) => tiles.has(name) === isTile).join("\n")
    return `${part(true)}\t${part(false)}`
  }
  useModel(order)
  return useTicking(() => order(read())) // a tile becomes a row by time alone
}

function Counts({ state }: { state: Shown }) {
  const counts = useModel((model) => {
    const found = { open: 0, half_open: 0, closed: 0 }
    model.breakers.forEach((breaker) => found[breaker.state]++)
    return `${found.open} ${found.half_open} ${found.closed}`
  })
  const [open = 0, half = 0, closed = 0] = counts.split(" ").map(Number)
  const numbers: [Shown, number][] = [
    ["all", open + half + closed],
    ["open", open],
    ["half_open", half],
    ["closed", closed],
  ]
  return (
    <div class="chips" role="group" aria-label="Show breakers by state">
      {numbers.map(([value, count]) => (
        <button
          key={value}
          type="button"
          class="chip"
          aria-pressed={state === value}
          onClick={() => (shownState.value = value)}
        >
          {value !== "all" && <Mark state={value as State} />}
          {value === "all" ? "All" : STATE_WORD[value]} <b>{count}</b>
        </button>
      ))}
    </div>
  )
}
