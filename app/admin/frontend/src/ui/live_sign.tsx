// Whether what the page shows is of now.

const LABEL = { live: "Live", connecting: "Connecting …", lost: "Not live" }

export function LiveSign({ status }: { status: keyof typeof LABEL }) {
  return (
    <p class={`live live-${status}`} role="status" data-live={status}>
      <span class="live-dot" aria-hidden="true" />
      {LABEL[status]}
    </p>
  )
}
