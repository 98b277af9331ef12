// What the address of the page asked for and cannot have: said quietly, once.

import { useCell } from "../cell"
import { useEffect, useModel } from "../hooks"
import { selection } from "../page"
import { ignore, ignoredInUrl } from "../shared_url"
import { read } from "../store"

export function UrlNotice() {
  const ignored = useCell(ignoredInUrl)
  const known = useModel((model) => model.gateway !== null)
  useEffect(() => {
    const chosen = selection.value
    if (!known || !chosen || read().breakers.has(chosen.breaker)) return
    ignore(`selected=${chosen.breaker} (this gateway has no such breaker)`)
    selection.value = null
  }, [known])
  if (ignored.length === 0) return null
  return (
    <div class="url-notice" role="status">
      <p>
        Parts of this link are ignored: <bdi>{ignored.join("; ")}</bdi>
      </p>
      <button type="button" class="quiet" onClick={() => (ignoredInUrl.value = [])}>
        Dismiss
      </button>
    </div>
  )
}
