// The last edits: what each changed, what traffic did before and after, and what puts it back, to copy.

import { useState } from "preact/hooks"
import { useCell } from "../cell"
import { nowMs } from "../clock"
import { CUT_HINT, backHint, backTitle, originOf, rateCells, settingName, sourceName, unseen, valueText } from "../edits"
import { amount, instant, moment, percent } from "../format"
import { useEffect, useModel, useRef } from "../hooks"
import { pickedEdit } from "../picked_edit"
import type { Change, Edit, Inverse } from "../protocol"
import { startedAtMs } from "../store"
import { ALARMING } from "../words"
import { CopyButton } from "./copy"

const FEW_EDITS = 3
const FEW_CHANGES = 4

export function Changes() {
  const edits = useModel((model) => model.panels.edits)
  const picked = useCell(pickedEdit)
  const [all, setAll] = useState(false)
  const place = edits.findIndex((edit) => edit.sequence === picked)
  const shown = all || place >= FEW_EDITS ? edits : edits.slice(0, FEW_EDITS)
  return (
    <section class="panel changes" aria-labelledby="changes-title">
      <div class="section-head">
        <h2 id="changes-title" tabIndex={-1}>
          Changes
        </h2>
        <p class="hint">
          {edits.length === 0
            ? `No edit since the gateway started at ${moment(startedAtMs(), nowMs())}`
            : edits.length === 1
              ? "1 edit of the configuration"
              : `the last ${edits.length} edits of the configuration`}
        </p>
      </div>
      {edits.length > 0 && (
        <ol class="edits">
          {shown.map((edit) => (
            <EditRow key={edit.sequence} edit={edit} picked={edit.sequence === picked} />
          ))}
        </ol>
      )}
      {edits.length > FEW_EDITS && (
        <button type="button" class="quiet more" aria-expanded={shown.length > FEW_EDITS} onClick={() => {
          if (shown.length > FEW_EDITS) pickedEdit.value = null
          setAll(shown.length <= FEW_EDITS)
        }}>
          {shown.length > FEW_EDITS ? `Show the last ${FEW_EDITS}` : `Show all ${edits.length} edits`}
        </button>
      )}
    </section>
  )
}

function EditRow({ edit, picked }: { edit: Edit; picked: boolean }) {
  const row = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (!picked) return
    row.current?.scrollIntoView({ block: "nearest" })
    row.current?.focus({ preventScroll: true })
  }, [picked])
  const hint = backHint(edit)
  return (
    <li class={`edit${picked ? " edit-picked" : ""}`} data-edit={edit.sequence} ref={row} tabIndex={-1}>
      <p class="edit-head">
        <strong>
          <time dateTime={new Date(edit.at).toISOString()} title={instant(edit.at)}>
            {moment(edit.at, nowMs())}
          </time>
        </strong>
        <bdi title={edit.source}>{sourceName(edit.source)}</bdi>
        <span>configuration {edit.sequence}</span>
        {picked && (
          <button type="button" class="link" onClick={() => (pickedEdit.value = null)}>
            Clear
          </button>
        )}
      </p>
      <div class="edit-body">
        <ChangeList edit={edit} />
        <Rates edit={edit} />
      </div>
      {edit.inverse.map((one) => (
        <Back key={one.name} inverse={one} />
      ))}
      {hint && <p class="hint">{hint}</p>}
    </li>
  )
}

function ChangeList({ edit }: { edit: Edit }) {
  const [all, setAll] = useState(false)
  const { changes, omitted } = edit
  const folded = changes.length - FEW_CHANGES
  if (changes.length === 0) return <p class="hint">No setting in force changed.</p>
  return (
    <div class="edit-changes">
      <ul>
        {(all ? changes : changes.slice(0, FEW_CHANGES)).map((change) => (
          <ChangeRow key={`${change.target} ${change.stanza} ${change.field}`} change={change} />
        ))}
      </ul>
      {folded > 0 && (
        <button type="button" class="quiet more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Show the first ${FEW_CHANGES}` : `Show ${folded} more`}
        </button>
      )}
      {omitted > 0 && (
        <p class="hint">
          and {amount(omitted)} more; the first 100 are in <code>GET /v1/config/history</code>
        </p>
      )}
    </div>
  )
}

function ChangeRow({ change }: { change: Change }) {
  return (
    <li class="change">
      <span class="change-what">
        {change.target !== "Gateway" && <bdi class="change-target">{change.target}</bdi>} <bdi>{settingName(change)}</bdi>
      </span>{" "}
      <span class="change-values">
        <bdi class="change-old">{valueText(change.old)}</bdi>
        <span aria-label="to"> → </span>
        <bdi class="change-new">{valueText(change.new)}</bdi>
      </span>{" "}
      <bdi class="change-from">{originOf(change)}</bdi>
    </li>
  )
}

function Rates({ edit }: { edit: Edit }) {
  const before = edit.before && rateCells(edit.before)
  const sides = (["before", "after"] as const).map((side) => ({ side, rates: edit[side] }))
  return (
    <table class="edit-rates">
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">When</span>
          </th>
          <th scope="col" class="num">
            Req/s
          </th>
          <th scope="col" class="num">
            Failed
          </th>
          <th scope="col" class="num">
            Rejected
          </th>
        </tr>
      </thead>
      <tbody>
        {sides.map(({ side, rates }) => {
          const cells = rates && rateCells(rates)
          return (
            <tr key={side} data-side={side}>
              <th scope="row">{rates ? `${rates.seconds} s ${side}` : side}</th>
              {cells ? (
                <>
                  <td class="num">{amount(cells.perS)}</td>
                  <Share share={cells.failed} than={side === "after" ? (before?.failed ?? 0) : null} />
                  <Share share={cells.rejected} than={side === "after" ? (before?.rejected ?? 0) : null} />
                </>
              ) : (
                <td class="hint num" colSpan={3}>
                  {unseen(edit, side, nowMs())}
                </td>
              )}
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** Marked where it is by an alarming share more `than` before. */
function Share({ share, than }: { share: number | null; than: number | null }) {
  const worse = than !== null && share !== null && share - than >= ALARMING
  return <td class={`num${worse ? " bad" : ""}`}>{share === null ? "–" : percent(share)}</td>
}

function Back({ inverse }: { inverse: Inverse }) {
  const { verb, name, place } = backTitle(inverse)
  const title = `${verb} ${name} ${place}`
  const isText = !inverse.cut && (inverse.where === "kubectl" || inverse.action !== "remove") // else it shows what is to go
  return (
    <div class="back">
      <details>
        <summary>
          To put it back: {verb.toLowerCase()} <bdi>{name}</bdi> <span title={inverse.where}>{place}</span>
        </summary>
        <pre tabIndex={0} role="region" aria-label={title}>
          {inverse.text}
        </pre>
        {inverse.cut && <p>{CUT_HINT}</p>}
      </details>
      {isText && <CopyButton text={inverse.text} label={inverse.where === "kubectl" ? "Copy command" : "Copy YAML"} what={title} />}
    </div>
  )
}
