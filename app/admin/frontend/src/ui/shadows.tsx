// Policies in Shadow mode: what each would have rejected, and what enforces it, to copy.

import { nowMs } from "../clock"
import { sourceName } from "../edits"
import { amount } from "../format"
import { useModel } from "../hooks"
import type { Shadow } from "../protocol"
import { period, reasons, settingLines, total } from "../shadows"
import { CopyButton } from "./copy"

/** Nothing where no policy is in Shadow mode: most gateways have none. */
export function Shadows() {
  const { rows, more } = useModel((model) => model.panels.shadows)
  if (rows.length === 0) return null
  return (
    <section class="panel shadows" aria-labelledby="shadows-title">
      <div class="section-head">
        <h2 id="shadows-title" tabIndex={-1}>
          Shadow policies
        </h2>
        <p class="hint">They judge the same traffic and reject nothing.</p>
      </div>
      <ul>
        {rows.map((row) => (
          <Row key={`${row.source} ${row.policy}`} row={row} />
        ))}
      </ul>
      {more > 0 && <p class="hint">and {amount(more)} more that would have rejected less</p>}
    </section>
  )
}

function Row({ row }: { row: Shadow }) {
  const rejected = total(row)
  const why = reasons(row)
  const title = `${row.policy} as Enforce`
  return (
    <li class="shadow" data-shadow={row.policy}>
      <p class="shadow-head">
        <strong>
          <bdi>{row.policy}</bdi>
        </strong>
        <span>
          <bdi>{row.targets.join(", ")}</bdi>
        </span>
      </p>
      <p class="shadow-count">
        {rejected === 0 ? "would have rejected nothing" : <>would have rejected <b>{amount(rejected)}</b></>} {period(row, nowMs())}
        {why && ` (${why})`}
        {row.opened > 0 && `, and opened ${row.opened === 1 ? "once" : `${amount(row.opened)} times`}`}
      </p>
      <ul class="shadow-settings">
        {settingLines(row).map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <div class="back">
        <details>
          <summary>
            To enforce it: {row.enforce.where === "kubectl" ? "with kubectl" : `in ${sourceName(row.enforce.where)}`}
          </summary>
          <pre tabIndex={0} role="region" aria-label={title}>
            {row.enforce.text}
          </pre>
        </details>
        <CopyButton text={row.enforce.text} label="Copy as Enforce" what={title} />
      </div>
    </li>
  )
}
