// A value that several parts of the page look at and change: filters, the time window, what is selected.

import { useEffect, useReducer } from "preact/hooks"

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
  useEffect(() => cell.subscribe(() => redraw(0)), [cell])
  return cell.value
}
