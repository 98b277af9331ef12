// Instants marked on a chart: a line over the plot with a handle above it, which tells and can be picked. Elements of
// their own, so that the keyboard and a reader reach them; marks that are too near for a finger share one handle.

import { Chart } from "./setup"

export interface Mark {
  id: number
  atMs: number
  text: string
}

/** What markers need of a chart. */
export type MarkedChart = Pick<Chart, "canvas" | "chartArea" | "scales">

export interface MarkersOptions {
  onPick: (id: number) => void
  /** Whether the keyboard reaches the handles: on one of several charts that show the same marks. */
  reachable: boolean
}

interface Group {
  marks: Mark[]
  x: number
}

const HANDLE_PX = 24
const TIP_PX = 16

const byChart = new WeakMap<object, Markers>()

Chart.register({
  id: "markers",
  afterDraw: (chart) => byChart.get(chart)?.place(),
  afterDestroy: (chart) => byChart.get(chart)?.remove(),
})

export class Markers {
  private readonly layer = document.createElement("div")
  private readonly tip = document.createElement("div")
  private marks: Mark[] = []
  private placed = ""
  private told: number | null = null // the mark whose text is shown

  constructor(
    private readonly chart: MarkedChart,
    private readonly options: MarkersOptions,
  ) {
    this.layer.className = "markers"
    if (!options.reachable) this.layer.setAttribute("aria-hidden", "true")
    this.tip.className = "tip"
    this.tip.hidden = true
    chart.canvas.after(this.layer)
    byChart.set(chart, this)
  }

  /** Rising in time. */
  show(marks: Mark[]): void {
    this.marks = marks
    this.place()
  }

  remove(): void {
    this.layer.remove()
  }

  /** Puts lines and handles where the axis has their instants now. */
  place(): void {
    const { chartArea, scales, canvas } = this.chart
    if (!chartArea || !scales.x) return
    const groups: Group[] = []
    for (const mark of this.marks) {
      const x = Math.round(scales.x.getPixelForValue(mark.atMs))
      if (x < chartArea.left || x > chartArea.right) continue
      const last = groups.at(-1)
      if (last && x - last.x < HANDLE_PX) last.marks.push(mark)
      else groups.push({ marks: [mark], x })
    }
    const key = groups.map(({ marks }) => marks.map((mark) => mark.id).join()).join(";")
    if (key !== this.placed) this.build(groups)
    this.placed = key
    const { style } = this.layer
    style.left = `${canvas.offsetLeft}px`
    style.top = `${canvas.offsetTop + chartArea.top}px`
    style.height = `${chartArea.height}px`
    groups.forEach(({ marks, x }, i) => {
      const element = this.layer.children[i] as HTMLElement
      element.style.transform = `translateX(${x}px)`
      marks.forEach((mark, place) => {
        const line = element.children[place] as HTMLElement
        line.style.transform = `translateX(${Math.round(scales.x!.getPixelForValue(mark.atMs)) - x}px)`
      })
    })
  }

  private build(groups: Group[]): void {
    const focused = this.layer.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.mark : null
    const { told } = this
    this.layer.replaceChildren(...groups.map((group) => this.element(group)), this.tip)
    if (focused) this.layer.querySelector<HTMLElement>(`[data-mark="${focused}"]`)?.focus()
    const again = groups.find(({ marks }) => marks.some((mark) => mark.id === told)) // the pointer may rest on it
    if (told !== null && again) this.tell(again)
    else this.hush()
  }

  private element(group: Group): HTMLElement {
    const { marks } = group
    const element = document.createElement("div")
    const newest = marks.at(-1)!
    const lines = marks.map(() => document.createElement("i"))
    const handle = document.createElement("button")
    handle.type = "button"
    handle.dataset.mark = String(newest.id)
    handle.tabIndex = this.options.reachable ? 0 : -1
    handle.setAttribute("aria-label", `Edit ${marks.map((mark) => mark.text).join("; ")}`)
    handle.textContent = marks.length > 1 ? String(marks.length) : ""
    for (const kind of ["pointerdown", "dblclick"]) handle.addEventListener(kind, (event) => event.stopPropagation())
    handle.addEventListener("click", (event) => {
      event.stopPropagation() // the plot has clicks of its own
      this.options.onPick(newest.id)
    })
    for (const kind of ["pointerenter", "focus"]) handle.addEventListener(kind, () => this.tell(group))
    for (const kind of ["pointerleave", "blur"]) handle.addEventListener(kind, () => this.hush())
    element.append(...lines, handle)
    return element
  }

  private hush(): void {
    this.told = null
    this.tip.hidden = true
  }

  private tell({ marks }: Group): void {
    const { tip, chart } = this
    this.told = marks.at(-1)!.id
    tip.replaceChildren(
      ...marks.map((mark) => {
        const line = document.createElement("strong")
        line.textContent = mark.text
        return line
      }),
    )
    tip.hidden = false
    const at = chart.scales.x!.getPixelForValue(marks[0]!.atMs)
    const left = Math.min(Math.max(at - tip.offsetWidth / 2, 0), chart.canvas.clientWidth - tip.offsetWidth)
    tip.style.transform = `translate(${Math.round(left)}px, ${TIP_PX}px)`
  }
}
