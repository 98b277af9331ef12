// The tools of the shared time window.

import { useCell } from "../cell"
import { bounds, follow, pan, SPANS, timeWindow, zoom } from "../window"

export function Spans() {
  const window = useCell(timeWindow)
  const middle = () => (bounds().fromMs + bounds().toMs) / 2
  const anchor = () => (window.endMs === null ? bounds().toMs : middle())
  const step = () => (bounds().toMs - bounds().fromMs) / 3
  return (
    <div class="spans">
      <div class="chips" role="group" aria-label="Time shown">
        {SPANS.map(({ label, spanMs }) => (
          <button
            key={label}
            type="button"
            class="chip"
            aria-pressed={window.endMs === null && window.spanMs === spanMs}
            onClick={() => follow(spanMs)}
          >
            {label}
          </button>
        ))}
      </div>
      <div class="buttons">
        <button type="button" class="icon" aria-label="Earlier" title="Earlier (←)" onClick={() => pan(-step())}>
          ‹
        </button>
        <button type="button" class="icon" aria-label="Zoom out" title="Zoom out (−)" onClick={() => zoom(1 / 0.6, anchor())}>
          −
        </button>
        <button type="button" class="icon" aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoom(0.6, anchor())}>
          +
        </button>
        <button type="button" class="icon" aria-label="Later" title="Later (→)" onClick={() => pan(step())}>
          ›
        </button>
        <button
          type="button"
          class="quiet now"
          disabled={window.endMs === null}
          onClick={() => follow(bounds().toMs - bounds().fromMs)}
        >
          Now
        </button>
      </div>
    </div>
  )
}
