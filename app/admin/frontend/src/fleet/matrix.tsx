// Breakers × pods: what loses most comes first, and stays in its place while somebody points at it.

import { nowMs } from "../clock"
import { amount } from "../format"
import { useRef } from "../hooks"
import { useAttention } from "../ui/held"
import { Mark } from "../ui/mark"
import { Ticking } from "../ui/ticking"
import type { Fleet, FleetCell, Pod, Row } from "./protocol"
import { cameForPerS, cellText, cellTitle, counted, lostPerS, podAnchor, podLink, podNote, shortNames, stateWord, steady } from "./words"

const FEW = 6 // pods whose cells a phone shows all

const keyOf = (row: Row) => `${row.namespace}/${row.breaker}`

export function Matrix({ fleet }: { fleet: Fleet }) {
  return fleet.rows.length ? <Table fleet={fleet} /> : null
}

function Table({ fleet }: { fleet: Fleet }) {
  const table = useRef<HTMLDivElement>(null)
  const held = useAttention(table)
  const shown = useRef<string[]>([])
  const rows = new Map(fleet.rows.map((row) => [keyOf(row), row]))
  shown.current = steady([...rows.keys()], shown.current, held)
  const names = shortNames(fleet.pods.map((pod) => pod.pod))
  const many = new Set(fleet.pods.map((pod) => pod.namespace)).size > 1
  return (
    <section class="panel" aria-labelledby="breakers">
      <div class="panel-head">
        <h2 id="breakers">Breakers</h2>
        <p class="hint">
          {fleet.rowsTotal > fleet.rows.length
            ? `${fleet.rows.length} of ${fleet.rowsTotal}: those that lose most, then what is down, then the busiest`
            : "what loses most comes first"}
          {held && " · the order is held while you point at it"}
        </p>
      </div>
      <div
        class="fleet-scroll"
        tabIndex={0}
        role="group"
        aria-label="Table of breakers and pods"
        ref={table}
      >
        <table class={`matrix ${fleet.pods.length > FEW ? "of-many" : ""}`}>
          <thead>
            <tr>
              <th scope="col">Breaker</th>
              <th scope="col" class="num">
                Req/s
              </th>
              <th scope="col" class="num">
                Lost/s
              </th>
              {fleet.pods.map((pod, place) => (
                <PodHead key={`${pod.namespace}/${pod.pod}`} pod={pod} name={names[place]!} many={many} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.current.map((key) => (
              <MatrixRow key={key} row={rows.get(key)!} pods={fleet.pods} names={names} many={many} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function PodHead({ pod, name, many }: { pod: Pod; name: string; many: boolean }) {
  const stale = pod.reports === "live" ? "" : "stale"
  return (
    <th scope="col" class={`pod-head ${stale}`} title={`${pod.namespace}/${pod.pod}`}>
      <a href={podLink(pod, location.search, location.port) ?? `#${podAnchor(pod)}`}>{name}</a>
      {many && <small>{pod.namespace}</small>}
      <small>
        <Ticking text={() => podNote(pod, nowMs())} />
      </small>
    </th>
  )
}

interface RowProps {
  row: Row
  pods: Pod[]
  names: string[]
  many: boolean
}

function MatrixRow({ row, pods, names, many }: RowProps) {
  const lost = lostPerS(row.sums)
  const cells = row.cells.filter((cell) => cell !== null)
  const closed = cells.filter((cell) => cell.state === "closed").length
  return (
    <tr data-row={row.breaker}>
      <th scope="row">
        <bdi>{row.breaker}</bdi>
        {many && <small>{row.namespace}</small>}
      </th>
      <td class="num" data-label="req/s">
        {amount(cameForPerS(row.sums))}
      </td>
      <td class={`num ${lost > 0 ? "warn" : ""}`} data-label="lost/s">
        {amount(lost)}
      </td>
      <td class="closed-count">
        closed at {closed} of {counted(cells.length, "pod")}
      </td>
      {row.cells.map((cell, place) =>
        cell ? (
          <StateCell key={place} cell={cell} breaker={row.breaker} pod={pods[place]!} name={names[place]!} />
        ) : (
          <td key={place} class="none">
            <span aria-label={`${pods[place]!.pod} has no such breaker`}>–</span>
          </td>
        ),
      )}
    </tr>
  )
}

interface CellProps {
  cell: FleetCell
  breaker: string
  pod: Pod
  name: string
}

/** A click leads to the pod; the column's head does so by keyboard, lest each cell be a stop. */
function StateCell({ cell, breaker, pod, name }: CellProps) {
  const stale = pod.reports === "live" ? "" : "stale"
  const go = () => {
    const link = podLink(pod, location.search, location.port, breaker)
    if (link) window.open(link, "_blank", "noreferrer")
    else location.hash = podAnchor(pod)
  }
  return (
    <td
      class={`cell cell-${cell.state} ${stale}`}
      title={cellTitle(cell, pod, nowMs())}
      data-pod={name}
      data-state={cell.state}
      onClick={go}
    >
      <span class="cell-body" data-pod={name}>
        <Mark state={cell.state} />
        <span class="hidden">{stateWord(cell.state)} </span>
        {cell.state === "closed" ? cellText(cell, nowMs()) : <Ticking text={() => cellText(cell, nowMs())} />}
        {cell.forced && <small>override</small>}
      </span>
    </td>
  )
}
