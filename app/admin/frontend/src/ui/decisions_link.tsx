// From a part of the page to the decisions about its requests.

import { type DecisionFilter, inspect } from "../page"

/** `of`: whose requests, for those who do not see what stands beside it. */
export function DecisionsLink({ wanted, of }: { wanted: Partial<DecisionFilter>; of: string }) {
  return (
    <button type="button" class="link" aria-label={`Decisions: ${of}`} onClick={() => inspect(wanted)}>
      Decisions
    </button>
  )
}
