// The page: what stands where. The feed starts it.

import { render } from "preact"
import { useModel } from "./hooks"
import { connect } from "./socket"
import { Breakers } from "./ui/breakers"
import { Changes } from "./ui/changes"
import { Clients } from "./ui/clients"
import { Decisions } from "./ui/decisions"
import { DrillDialog } from "./ui/drill"
import { Feed } from "./ui/feed"
import { HelpDialog } from "./ui/help"
import { Limits } from "./ui/limits"
import { Numbers } from "./ui/numbers"
import { Routes } from "./ui/routes"
import { Shadows } from "./ui/shadows"
import { Skip } from "./ui/skip"
import { TabSign } from "./ui/tab_sign"
import { TestPanel } from "./ui/test"
import { StateTimeline } from "./ui/timeline"
import { NotLive, Top } from "./ui/top"
import { Traffic } from "./ui/traffic"
import { UrlNotice } from "./ui/url_notice"
import { Announcer, Verdict } from "./ui/verdict"

const SKIPS = [
  ["#breakers-title", "breakers"],
  ["#timeline-title", "timeline"],
  ["#decisions-title", "decisions"],
  ["#feed-title", "events"],
] as const

function Page() {
  return (
    <>
      <Skip places={SKIPS} />
      <Top />
      <NotLive />
      <UrlNotice />
      <div class="layout">
        <main id="main">
          <section class="hero" aria-label="At a glance">
            <Verdict />
            <Numbers />
          </section>
          <Below />
        </main>
        <aside class="rail" aria-label="Test and events">
          <TestPanel />
          <Feed />
        </aside>
      </div>
      <Announcer />
      <TabSign />
      <DrillDialog />
      <HelpDialog />
    </>
  )
}

/** In the order of the questions: since when, what, why, for whom, how much. All at once with the first message, since
 * before it nobody knows how high each of them is. */
function Below() {
  if (!useModel((model) => model.gateway !== null)) return <div class="panel waiting" aria-hidden="true" />
  return (
    <>
      <StateTimeline />
      <Breakers />
      <Changes />
      <Clients />
      <Traffic />
      <Limits />
      <Routes />
      <Shadows />
      <Decisions />
    </>
  )
}

connect()
const page = document.getElementById("page")!
page.replaceChildren()
render(<Page />, page)
