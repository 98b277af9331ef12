// The sign and the name.

export function Brand({ page = "" }: { page?: string }) {
  return (
    <p class="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <path class="brand-gate" d="M6 11v14M12 7v18M20 7v18M26 11v14" />
        <path class="brand-tide" d="M3 20c3-3.4 6-3.4 9 0s6 3.4 9 0 6-3.4 8-1.6" />
      </svg>
      Tidegate
      {page && <span class="brand-page">{page}</span>}
    </p>
  )
}
