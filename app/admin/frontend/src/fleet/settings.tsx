// Settings that differ between the pods of one gateway, with who has which.

import type { Fleet } from "./protocol"
import { counted, fields, folded, type FoldedDifference } from "./words"

const MOST_NAMES = 4

export function Differences({ fleet }: { fleet: Fleet }) {
  const { differences, differencesTotal } = fleet
  if (!differences.length) return null
  return (
    <section class="panel" aria-labelledby="differences">
      <div class="panel-head">
        <h2 id="differences">Settings that differ</h2>
        <p class="hint">
          between pods of one gateway
          {differencesTotal > differences.length && ` · ${differences.length} of ${differencesTotal} are shown`}
        </p>
      </div>
      <ul class="differences">
        {folded(differences).map((one) => (
          <Differing key={`${one.namespace}/${one.gateway}/${one.target}/${one.stanza}`} one={one} />
        ))}
      </ul>
    </section>
  )
}

function Differing({ one }: { one: FoldedDifference }) {
  return (
    <li class="difference" data-stanza={one.stanza}>
      <h3>
        {one.stanza} <span class="hint">{named(one.targets)}</span>
      </h3>
      {one.gateway && (
        <p class="hint">
          gateway {one.namespace}/{one.gateway}
        </p>
      )}
      {fields(one).map(({ field, values }) => (
        <dl key={field}>
          {field && <dt>{field}</dt>}
          {values.map((value, place) => (
            <dd key={place}>
              <code>{value}</code> <span>{holders(one.values[place]!.pods)}</span>
            </dd>
          ))}
        </dl>
      ))}
    </li>
  )
}

function named(names: string[]): string {
  return names.slice(0, MOST_NAMES).join(", ") + (names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "")
}

function holders(pods: string[]): string {
  return `at ${counted(pods.length, "pod")}: ${named(pods)}`
}
