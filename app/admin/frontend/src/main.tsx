// The page: what stands where. The feed starts it.

import { render } from "preact"
import { useModel } from "./hooks"
import { connect } from "./socket"
import { Breakers } from "./ui/breakers"
import { DrillDialog } from "./ui/drill"
import { Feed } from "./ui/feed"
import { Announcer, NotLive, Numbers, Top, Verdict } from "./ui/head"
import { Limits, Routes } from "./ui/tables"
import { TestPanel } from "./ui/test"
import { StateTimeline } from "./ui/timeline"
import { Traffic } from "./ui/traffic"

function Page() {
  return (
    <>
      <nav class="skip" aria-label="Skip">
        <a href="#main">To the breakers</a>
        <a href="#timeline-title">To the timeline</a>
        <a href="#feed-title">To the events</a>
      </nav>
      <Top />
      <NotLive />
      <div class="layout">
        <main id="main" tabIndex={-1}>
          <section class="hero" aria-label="At a glance">
            <Verdict />
            <Numbers />
          </section>
          <Breakers />
          <Below />
        </main>
        <aside class="rail" aria-label="Test and events">
          <TestPanel />
          <Feed />
        </aside>
      </div>
      <Announcer />
      <DrillDialog />
    </>
  )
}

/** Comes with the first numbers: only then it is known where it stands. */
function Below() {
  if (!useModel((model) => model.gateway !== null)) return null
  return (
    <>
      <StateTimeline />
      <Traffic />
      <Limits />
      <Routes />
    </>
  )
}

connect()
const page = document.getElementById("page")!
page.replaceChildren()
render(<Page />, page)
