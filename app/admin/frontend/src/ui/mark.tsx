// The states by shape: a ticked disc, a half-filled diamond, a crossed octagon.

import type { State } from "../protocol"

export function Mark({ state }: { state: State }) {
  return (
    <svg class={`mark mark-${state}`} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {state === "closed" && (
        <>
          <circle class="mark-body" cx="10" cy="10" r="8" />
          <path class="mark-sign" d="M6.3 10.3l2.6 2.6 4.9-5.4" />
        </>
      )}
      {state === "half_open" && (
        <>
          <path class="mark-edge" d="M10 1.9L18.1 10 10 18.1 1.9 10z" />
          <path class="mark-body" d="M10 1.9V18.1L1.9 10z" />
        </>
      )}
      {state === "open" && (
        <>
          <path class="mark-body" d="M6.5 1.6h7L18.4 6.5v7l-4.9 4.9h-7L1.6 13.5v-7z" />
          <path class="mark-sign" d="M7 7l6 6M13 7l-6 6" />
        </>
      )}
    </svg>
  )
}
