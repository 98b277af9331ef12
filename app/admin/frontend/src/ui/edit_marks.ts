// Every edit as a marker on a chart; a click leads to its row in Changes.

import type { MarkedChart } from "../charts"
import { markText } from "../edits"
import { showEdit } from "../picked_edit"
import type { Edit } from "../protocol"
import { read, subscribe } from "../store"

type Charts = typeof import("../charts")

/** Returns what ends it; the markers go with the chart. */
export function markEdits(charts: Charts, chart: MarkedChart, reachable: boolean): () => void {
  const markers = new charts.Markers(chart, { onPick: showEdit, reachable })
  let shown: readonly Edit[] | null = null
  const look = () => {
    const { edits } = read().panels
    if (edits === shown) return
    shown = edits
    markers.show([...edits].reverse().map((edit) => ({ id: edit.sequence, atMs: edit.at, text: markText(edit) })))
  }
  look()
  return subscribe(look)
}
