// What stands still while somebody is about to act on it.

import { useState } from "preact/hooks"
import { onTick } from "../clock"
import { useEffect, useRef } from "../hooks"

/** Has a hand led the pointer over the element, or is the keyboard's focus inside? A finger rests nowhere, so touches do
 * not count, nor does what scrolls or grows under a resting pointer. */
export function useAttention(element: { current: HTMLElement | null }): boolean {
  const [has, setHas] = useState(false)
  useEffect(() => {
    const own = element.current
    if (!own) return
    let pointed = false
    let focused = false
    const ended = new AbortController()
    const { signal } = ended
    const note = () => setHas(pointed || focused)
    own.addEventListener(
      "pointermove",
      ({ pointerType, movementX, movementY }) => {
        if (pointerType === "touch" || (movementX === 0 && movementY === 0)) return
        pointed = true
        note()
      },
      { signal },
    )
    own.addEventListener(
      "pointerleave",
      () => {
        pointed = false
        note()
      },
      { signal },
    )
    // A button that was clicked keeps the focus for long after the pointer has left; only who uses the keys is inside.
    own.addEventListener(
      "focusin",
      (event) => {
        focused ||= (event.target as Element).matches(":focus-visible")
        note()
      },
      { signal },
    )
    own.addEventListener(
      "keydown",
      () => {
        focused = true
        note()
      },
      { signal },
    )
    own.addEventListener(
      "focusout",
      (event) => {
        if (own.contains(event.relatedTarget as Node | null)) return
        focused = false
        note()
      },
      { signal },
    )
    // Whatever goes away under the pointer or with the focus tells nobody.
    const endTick = onTick(() => {
      focused &&= own.contains(document.activeElement)
      pointed &&= own.matches(":hover")
      note()
    })
    return () => {
      ended.abort()
      endTick()
    }
  }, [])
  return has
}

/** While `hold`, what grows above the element scrolls the page by as much: what is pointed at stays under the pointer. */
export function useAnchor(element: { current: HTMLElement | null }, hold: boolean): void {
  useEffect(() => {
    const own = element.current
    const main = document.getElementById("main")
    if (!hold || !own || !main) return
    const topPx = () => own.getBoundingClientRect().top
    let atPx = topPx()
    const scrolled = () => (atPx = topPx())
    const watching = new ResizeObserver(() => {
      const movedPx = topPx() - atPx
      if (movedPx !== 0) scrollBy({ top: movedPx, behavior: "instant" })
      atPx = topPx()
    })
    watching.observe(main)
    addEventListener("scroll", scrolled, { passive: true })
    return () => {
      watching.disconnect()
      removeEventListener("scroll", scrolled)
    }
  }, [hold])
}

/** `value`, or the one of before while `hold`; a change of `fresh` lets the new one in. */
export function useHeld(value: string, hold: boolean, fresh: string): { shown: string; isHeld: boolean } {
  const kept = useRef({ value, fresh })
  if (!hold || kept.current.fresh !== fresh) kept.current = { value, fresh }
  return { shown: kept.current.value, isHeld: kept.current.value !== value }
}
