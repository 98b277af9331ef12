// The feed: connects, reconnects with growing pauses, tells whether it is live, and matches replies to commands.

import type { Message, Reply } from "./protocol"
import { apply, read, setLink } from "./store"
import { closeText } from "./words"

const SILENT_MS = 3_000 // one message a second is promised
const GIVE_UP_MS = 8_000
const FIRST_PAUSE_MS = 400
const LONGEST_PAUSE_MS = 15_000

let socket: WebSocket | null = null
let heardAtMs = 0
let tries = 0
let retryTimer = 0
let nextId = 1
const waiting = new Map<number, (reply: Reply) => void>()

export function connect(): void {
  clearTimeout(retryTimer)
  if (socket && socket.readyState <= WebSocket.OPEN) return
  const { link } = read()
  if (link.status === "lost") setLink({ ...link, retryAtMs: null })
  const own = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/monitor/ws`)
  socket = own
  heardAtMs = Date.now()
  own.onmessage = (event) => {
    if (own === socket) heard(JSON.parse(String(event.data)) as Message)
  }
  own.onclose = ({ code, reason }) => {
    if (own === socket) lost(closeText(code, reason))
  }
}

function heard(message: Message): void {
  heardAtMs = Date.now()
  if (message.type === "reply") {
    waiting.get(Number(message.id))?.(message)
    waiting.delete(Number(message.id))
    return
  }
  apply(message)
  tries = 0
  if (read().link.status !== "live") setLink({ status: "live" })
}

function lost(why: string | null): void {
  socket = null
  waiting.forEach((resolve, id) => resolve(unsent(id)))
  waiting.clear()
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 1.7 ** tries++) * (0.8 + Math.random() * 0.4)
  const { link } = read()
  const sinceMs = link.status === "lost" ? link.sinceMs : Date.now()
  setLink({ status: "lost", sinceMs, retryAtMs: Date.now() + pauseMs, why })
  retryTimer = window.setTimeout(connect, pauseMs)
}

/** Tries again at once, with short pauses from there. */
export function retryNow(): void {
  tries = 0
  connect()
}

/** Sends a command; the reply comes in any case, also when there is no connection. */
export function command(type: string, fields: Record<string, unknown> = {}): Promise<Reply> {
  const id = nextId++
  const own = socket
  if (!own || own.readyState !== WebSocket.OPEN) return Promise.resolve(unsent(id))
  return new Promise((resolve) => {
    waiting.set(id, resolve)
    own.send(JSON.stringify({ type, id, ...fields }))
  })
}

function unsent(id: number): Reply {
  const detail = "there is no connection to the gateway; try again when the page is live"
  return { type: "reply", version: 1, id, ok: false, error: { status: 0, code: "not_live", detail } }
}

setInterval(() => {
  const silentMs = Date.now() - heardAtMs
  const { link } = read()
  if (!socket) return
  if (silentMs > GIVE_UP_MS) {
    const own = socket
    lost(null)
    own.close()
  } else if (silentMs > SILENT_MS && link.status === "live") {
    setLink({ status: "lost", sinceMs: heardAtMs, retryAtMs: null, why: null })
  }
}, 500)

addEventListener("online", retryNow)
addEventListener("visibilitychange", () => {
  if (!document.hidden && read().link.status === "lost") retryNow()
})
