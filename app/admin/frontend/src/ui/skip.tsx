// What leads past the head of a page to its parts.

/** `places`: what to go to, and what it is called. Seen when focused; on a phone always, for there a page is long. */
export function Skip({ places }: { places: readonly (readonly [href: string, name: string])[] }) {
  return (
    <nav class="skip" aria-label="Skip">
      {places.map(([href, name]) => (
        <a key={href} href={href}>
          <span class="skip-to">To the </span>
          {name}
        </a>
      ))}
    </nav>
  )
}
