// Whom rejections hit: the clients rejected most, by limit rule and by route. Names of keys, never keys.

import { useState } from "preact/hooks"
import { clientName, left, othersText, whom } from "../clients"
import { Cell, useCell } from "../cell"
import { limitedBy } from "../decisions"
import { amount, percent } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { inspect } from "../page"
import type { RejectedBy, RejectedClient } from "../protocol"

type Kind = "rules" | "routes"

const FEW_ROWS = 4
const FEW_CLIENTS = 3
const WORD: Record<Kind, string> = { rules: "limit", routes: "route" }

/** The row that a link leads to. */
const wanted = new Cell<{ kind: Kind; name: string } | null>(null)

export function Clients() {
  const clients = useModel((model) => model.panels.clients)
  const nobody = clients.rules.length === 0 && clients.routes.length === 0
  return (
    <section class="panel clients" aria-labelledby="clients-title">
      <div class="section-head">
        <h2 id="clients-title" tabIndex={-1}>
          Clients rejected
        </h2>
        <p class="hint">{nobody ? "No request was rejected lately." : "in the last 10 to 20 minutes, most first"}</p>
      </div>
      {!nobody && (
        <div class="clients-groups">
          <Group kind="rules" title="By limit" rows={clients.rules} more={clients.moreRules} />
          <Group kind="routes" title="By route" rows={clients.routes} more={clients.moreRoutes} />
        </div>
      )}
    </section>
  )
}

function Group({ kind, title, rows, more }: { kind: Kind; title: string; rows: RejectedBy[]; more: number }) {
  const [all, setAll] = useState(false)
  const sought = useCell(wanted)
  const place = sought?.kind === kind ? rows.findIndex((row) => row.name === sought.name) : -1
  const whole = all || place >= FEW_ROWS
  if (rows.length === 0) return null
  return (
    <div class="clients-group">
      <h3>{title}</h3>
      <ul>
        {(whole ? rows : rows.slice(0, FEW_ROWS)).map((row, i) => (
          <Row key={row.name} kind={kind} row={row} sought={i === place ? sought : null} />
        ))}
      </ul>
      {rows.length > FEW_ROWS && (
        <button
          type="button"
          class="quiet more"
          aria-expanded={whole}
          onClick={() => {
            if (whole) wanted.value = null
            setAll(!whole)
          }}
        >
          {whole ? `Show the first ${FEW_ROWS}` : `Show all ${rows.length}`}
        </button>
      )}
      {more > 0 && (
        <p class="hint">
          and {amount(more)} more {WORD[kind]}s with fewer rejections
        </p>
      )}
    </div>
  )
}

function Row({ kind, row, sought }: { kind: Kind; row: RejectedBy; sought: object | null }) {
  const [all, setAll] = useState(false)
  const item = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (!sought) return
    item.current?.scrollIntoView({ block: "nearest" })
    item.current?.focus({ preventScroll: true })
  }, [sought])
  const folded = row.clients.length - FEW_CLIENTS
  const others = othersText(row)
  return (
    <li class="rejected-by" data-clients={`${kind}/${row.name}`} ref={item} tabIndex={-1}>
      <p class="rejected-head">
        <strong>
          <bdi>{row.name}</bdi>
        </strong>
        <span>{amount(row.rejected)} rejected</span>
      </p>
      <ol>
        {(all ? row.clients : row.clients.slice(0, FEW_CLIENTS)).map((one) => (
          <ClientRow key={one.client ?? ""} kind={kind} one={one} row={row} />
        ))}
      </ol>
      <p class="rejected-foot">
        {folded > 0 && (
          <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? `the first ${FEW_CLIENTS} only` : `${folded} more`}
          </button>
        )}
        {others && <span>{others}</span>}
      </p>
    </li>
  )
}

function ClientRow({ kind, one, row }: { kind: Kind; one: RejectedClient; row: RejectedBy }) {
  const share = row.rejected > 0 ? one.rejected / row.rejected : 0
  const name = clientName(one)
  const said = left(one)
  return (
    <li class="rejected-client">
      {one.client === null ? (
        <span class="client-name nameless">{name}</span>
      ) : (
        <button
          type="button"
          class="link client-name"
          title={kind === "rules" ? `Rejected requests of ${name}` : `Requests of ${name}`}
          onClick={() => inspect({ client: name, ...(kind === "rules" ? limitedBy(row.name) : { route: row.name }) })}
        >
          <bdi>{name}</bdi>
        </button>
      )}
      <span class="client-bar" aria-hidden="true">
        <span style={{ transform: `scaleX(${share})` }} />
      </span>
      <span class="num">{amount(one.rejected)}</span>
      <span class="num client-share">{percent(share)}</span>
      <span class="client-left">{said}</span>
    </li>
  )
}

/** Whom a limit's rule or a route rejects most, as a link to its row; nothing where it rejects nobody. */
export function ClientsLink({ kind, name }: { kind: Kind; name: string }) {
  const row = useModel((model) => model.panels.clients[kind].find((one) => one.name === name))
  const said = whom(row)
  if (said === "") return null
  return (
    <span class="whom">
      from{" "}
      <button
        type="button"
        class="link"
        title={`Whom the ${WORD[kind]} ${name} rejects`}
        onClick={() => (wanted.value = { kind, name })}
      >
        <bdi>{said}</bdi>
      </button>
    </span>
  )
}
