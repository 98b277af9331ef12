// Saves what the charts show as a file, made here out of what the page already holds.

import { nowMs } from "../clock"
import { asCsv, asJson, type Excerpt, fileName } from "../export"
import { useModel } from "../hooks"
import { read, series, transitions } from "../store"
import { bounds } from "../window"

export function Export() {
  const known = useModel((model) => model.gateway !== null)
  return (
    <div class="export" role="group" aria-label="Export what the charts show">
      <span aria-hidden="true">Export</span>
      <button type="button" class="quiet" disabled={!known} aria-label="Export as CSV" onClick={() => save("csv")}>
        CSV
      </button>
      <button type="button" class="quiet" disabled={!known} aria-label="Export as JSON" onClick={() => save("json")}>
        JSON
      </button>
    </div>
  )
}

function save(ending: "csv" | "json"): void {
  const found = excerpt()
  if (!found) return
  const content = ending === "csv" ? asCsv(found) : asJson(found, nowMs())
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([content], { type: ending === "csv" ? "text/csv" : "application/json" }))
  link.download = fileName(found, ending)
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000) // by then the browser has taken it
}

function excerpt(): Excerpt | null {
  const { gateway, panels } = read()
  if (!gateway) return null
  const { fromMs, toMs } = bounds()
  return {
    identity: gateway.identity,
    version: gateway.version,
    fromMs,
    toMs,
    columns: series.reaching(fromMs),
    transitions: transitions.between(fromMs, toMs),
    edits: panels.edits,
  }
}
