// The fleet's page, from the operator's admin port: what stands where. The feed starts it.

import { render } from "preact"
import { useCell } from "./cell"
import { ask, fleet } from "./fleet/feed"
import { FleetHero, FleetNotLive, FleetTop } from "./fleet/head"
import { Matrix } from "./fleet/matrix"
import { Pods } from "./fleet/pods"
import { Differences } from "./fleet/settings"
import { Skip } from "./ui/skip"

const SKIPS = [
  ["#breakers", "breakers"],
  ["#pods", "pods"],
] as const

function Page() {
  const seen = useCell(fleet)
  return (
    <>
      <Skip places={SKIPS} />
      <FleetTop />
      <FleetNotLive />
      <main id="main" class="fleet" tabIndex={-1}>
        {seen && (
          <>
            <FleetHero fleet={seen} />
            <Matrix fleet={seen} />
            <Differences fleet={seen} />
            <Pods fleet={seen} />
          </>
        )}
      </main>
    </>
  )
}

void ask()
const page = document.getElementById("page")!
page.replaceChildren()
render(<Page />, page)
