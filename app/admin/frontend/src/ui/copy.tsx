// A button that copies a text and says that it has.

import { useState } from "preact/hooks"
import { useEffect } from "../hooks"

const SAID_MS = 2_500

/** `what` names the text for those who do not see what stands beside the button. */
export function CopyButton({ text, label, what }: { text: string; label: string; what: string }) {
  const [said, setSaid] = useState<"" | "Copied" | "Not copied: select it">("")
  useEffect(() => {
    if (said === "") return
    const timer = setTimeout(() => setSaid(""), SAID_MS)
    return () => clearTimeout(timer)
  }, [said])
  return (
    <button
      type="button"
      class={`copy${said === "Copied" ? " copied" : ""}`}
      aria-label={said === "" ? `${label}: ${what}` : said}
      onClick={() => void copied(text).then((done) => setSaid(done ? "Copied" : "Not copied: select it"))}
    >
      <span aria-hidden="true">{said || label}</span>
      <span class="hidden" role="status">
        {said}
      </span>
    </button>
  )
}

/** Whether it is in the clipboard now. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copiedByHand(text) // a page without TLS, or a browser that does not allow it
  }
}

function copiedByHand(text: string): boolean {
  const focused = document.activeElement
  const area = document.createElement("textarea")
  area.value = text
  area.className = "hidden"
  document.body.append(area)
  area.select()
  const done = document.execCommand("copy")
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return done
}
