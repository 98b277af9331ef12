import { useEffect, useReducer, useRef } from "preact/hooks"
import { onTick } from "./clock"
import { type Model, read, subscribe } from "./store"

/** A part of the model; the component is drawn again when that part changes (by identity). */
export function useModel<T>(select: (model: Model) => T): T {
  const [, redraw] = useReducer((n: number) => n + 1, 0)
  const selected = select(read())
  const held = useRef({ select, selected })
  held.current = { select, selected }
  useEffect(() => {
    const look = () => {
      if (held.current.select(read()) !== held.current.selected) redraw(0)
    }
    look() // it may have changed between the drawing and now
    return subscribe(look)
  }, [])
  return selected
}

/** Draws the component again whenever `text()` has changed; checked four times a second. */
export function useTicking(text: () => string): string {
  const [, redraw] = useReducer((n: number) => n + 1, 0)
  const said = text()
  const held = useRef({ text, said })
  held.current = { text, said }
  useEffect(() => onTick(() => held.current.text() !== held.current.said && redraw(0)), [])
  return said
}

/** Calls `act` when it is mounted and whenever `keys` change. */
export { useEffect, useReducer, useRef }
