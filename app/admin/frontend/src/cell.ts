// A value that several parts of the page look at and change: filters, the time window, what is selected.

import { useEffect, useReducer, useRef } from "preact/hooks"

export class Cell<T> {
  private readonly listeners = new Set<() => void>()

  constructor(private held: T) {}

  get value(): T {
    return this.held
  }

  set value(value: T) {
    if (value === this.held) return
    this.held = value
    this.listeners.forEach((listener) => listener())
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}

export function useCell<T>(cell: Cell<T>): T {
  const [, redraw] = useReducer((n: number) => n + 1, 0)
  const drawn = useRef(cell.value)
  drawn.current = cell.value
  useEffect(() => {
    const look = () => {
      if (cell.value !== drawn.current) redraw(0)
    }
    look() // it may have been set between the drawing and now
    return cell.subscribe(look)
  }, [cell])
  return drawn.current
}
