// The dialog that starts or ends a drill. The admin token stays in this page's memory: a reload forgets it.

import { useState } from "preact/hooks"
import { useCell } from "../cell"
import { capital } from "../words"
import { useEffect, useModel, useRef } from "../hooks"
import { type DrillCommand, drillCommand } from "../page"
import type { Reply } from "../protocol"
import { command } from "../socket"

const DURATIONS = ["10s", "30s", "1m", "5m", "15m", "1h"]
let heldToken = ""
let heldWho = ""

export function DrillDialog() {
  const wanted = useCell(drillCommand)
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (wanted && !dialog.current?.open) dialog.current?.showModal()
    if (!wanted && dialog.current?.open) dialog.current.close()
  }, [wanted])
  return (
    <dialog
      ref={dialog}
      aria-labelledby="drill-title"
      onClose={() => (drillCommand.value = null)}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      {wanted && <DrillForm key={`${wanted.kind} ${wanted.breaker}`} wanted={wanted} />}
    </dialog>
  )
}

function DrillForm({ wanted }: { wanted: DrillCommand }) {
  const drills = useModel((model) => model.gateway?.drills)
  const names = useModel((model) => [...model.breakers.keys()].join("\n")).split("\n")
  const [fault, setFault] = useState("")
  const [busy, setBusy] = useState(false)
  const [custom, setCustom] = useState(false)
  const [wrongToken, setWrongToken] = useState(false)
  const starts = wanted.kind === "start"
  const close = () => (drillCommand.value = null)

  const send = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const said = (name: string) => String(form.get(name) ?? "").trim()
    const token = said("token") || heldToken
    const breaker = wanted.breaker ?? said("breaker")
    setBusy(true)
    const reply = starts
      ? await command("drill.start", {
          breaker,
          state: said("state"),
          for: custom ? said("custom") : said("for"),
          who: said("who"),
          why: said("why"),
          token,
        })
      : await command("drill.end", { breaker, token })
    setBusy(false)
    if (starts) heldWho = said("who")
    if (reply.ok) heldToken = token
    else if (rejectsToken(reply)) {
      heldToken = ""
      setWrongToken(true)
    }
    if (reply.ok) close()
    else setFault(capital(reply.error?.detail ?? "rejected"))
  }

  const title = starts ? (wanted.breaker ? `Drill ${wanted.breaker}` : "Start a drill") : `End the drill of ${wanted.breaker}`
  if (drills && !drills.available) {
    return (
      <div class="form">
        <h2 id="drill-title">{title}</h2>
        <p class="notice">Drills are off. {drills.why}.</p>
        <div class="form-end">
          <button type="button" class="primary" onClick={close}>
            Understood
          </button>
        </div>
      </div>
    )
  }
  return (
    <form class="form" onSubmit={send} autocomplete="off">
      <h2 id="drill-title">{title}</h2>
      {starts ? (
        <>
          <p class="form-lead">
            Holds the breaker in a state for a while, for practice or in need. It goes back by itself, and is an event and
            a line in the log.
          </p>
          {wanted.breaker === null && (
            <label class="field">
              Breaker
              <select name="breaker" required>
                {names.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </label>
          )}
          <fieldset class="field choice">
            <legend>Held</legend>
            <label>
              <input type="radio" name="state" value="open" defaultChecked /> Open, requests are rejected
            </label>
            <label>
              <input type="radio" name="state" value="closed" /> Closed, requests pass whatever happens
            </label>
          </fieldset>
          <fieldset class="field choice choice-row">
            <legend>For</legend>
            {DURATIONS.map((one, i) => (
              <label key={one}>
                <input type="radio" name="for" value={one} defaultChecked={i === 1} onChange={() => setCustom(false)} />{" "}
                {one}
              </label>
            ))}
            <label>
              <input type="radio" name="for" value="custom" onChange={() => setCustom(true)} /> other
            </label>
            {custom && <input name="custom" required placeholder="90s, 2m30s; 1s to 1h" aria-label="Duration" />}
          </fieldset>
          <label class="field">
            Who
            <input name="who" required maxLength={100} defaultValue={heldWho} placeholder="your name" />
          </label>
          <label class="field">
            Why
            <input name="why" required maxLength={200} placeholder="what this drill is for" />
          </label>
        </>
      ) : (
        <p class="form-lead">The breaker goes on where it stood.</p>
      )}
      {(heldToken === "" || wrongToken) && (
        <label class="field">
          Admin token
          <input name="token" type="password" required autocomplete="off" spellcheck={false} />
          <small>
            Kept in this page’s memory only. <code>tidegate up</code> keeps it in <code>.tidegate/admin-token</code>.
          </small>
        </label>
      )}
      {fault && (
        <p class="notice notice-bad" role="alert">
          {fault}
        </p>
      )}
      <div class="form-end">
        <button type="button" class="quiet" onClick={close}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={busy}>
          {starts ? "Start the drill" : "End it now"}
        </button>
      </div>
    </form>
  )
}

function rejectsToken(reply: Reply): boolean {
  return reply.error?.status === 401 || reply.error?.code === "token_wrong"
}
