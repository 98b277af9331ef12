// All tiles: found by name and state, the broken ones first.

import { useCell } from "../cell"
import { useModel } from "../hooks"
import { filterText, ordered, type Shown, shownState, type Sort, sortBy } from "../page"
import type { State } from "../protocol"
import { STATE_WORD } from "../words"
import { Mark } from "./mark"
import { Tile } from "./tile"

const SORTS: [Sort, string][] = [
  ["broken", "Broken first"],
  ["name", "Name"],
  ["requests", "Most requests"],
  ["errors", "Most errors"],
  ["p99", "Slowest (p99)"],
]
const MANY = 24

export function Breakers() {
  const text = useCell(filterText)
  const state = useCell(shownState)
  const sort = useCell(sortBy)
  const names = useModel((model) => ordered(model.breakers, text, state, sort).join("\n"))
  const total = useModel((model) => model.breakers.size)
  const list = names === "" ? [] : names.split("\n")
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
              title="Find by name (/)"
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
      <ul class={`tiles${total > MANY ? " tiles-many" : ""}`}>
        {list.map((name, i) => (
          <Tile key={name} name={name} index={i} />
        ))}
      </ul>
      {list.length === 0 && <p class="empty">{total === 0 ? "No route uses a breaker." : "No match"}</p>}
    </section>
  )
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
