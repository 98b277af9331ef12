// The pods: how old what they said is, what they serve with, and what leads to each one's own page.

import { nowMs } from "../clock"
import { amount, duration } from "../format"
import { CopyButton } from "../ui/copy"
import { Ticking } from "../ui/ticking"
import type { Fleet, Pod } from "./protocol"
import { clockNote, lostPerS, podAnchor, podCommand, podLink, podNote, snapshotNote } from "./words"

export function Pods({ fleet }: { fleet: Fleet }) {
  const { pods, podsTotal } = fleet
  if (!pods.length) return null
  return (
    <section class="panel" aria-labelledby="pods">
      <div class="panel-head">
        <h2 id="pods">Pods</h2>
        <p class="hint">{podsTotal > pods.length && `${pods.length} of ${podsTotal} are shown: first those that take traffic`}</p>
      </div>
      <div class="fleet-scroll" tabIndex={0} role="group" aria-label="Table of pods">
        <table class="pods">
          <thead>
            <tr>
              <th scope="col">Pod</th>
              <th scope="col">Status</th>
              <th scope="col" class="num">
                Req/s
              </th>
              <th scope="col" class="num">
                Lost/s
              </th>
              <th scope="col" class="num">
                p99
              </th>
              <th scope="col" class="num">
                Config
              </th>
              <th scope="col">Snapshot</th>
              <th scope="col">Its own page</th>
            </tr>
          </thead>
          <tbody>
            {pods.map((pod) => (
              <PodRow key={`${pod.namespace}/${pod.pod}`} pod={pod} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function PodRow({ pod }: { pod: Pod }) {
  const { traffic } = pod
  const said = () => podNote(pod, nowMs()) || "reporting"
  const clock = clockNote(pod)
  const lost = traffic ? lostPerS(traffic) : 0
  const snapshot = snapshotNote(pod)
  return (
    <tr id={podAnchor(pod)} class={pod.reports === "live" ? "" : "stale"} data-pod-row={pod.pod}>
      <th scope="row">
        {pod.pod}
        <small>
          {pod.namespace}
          {pod.gateway && `, gateway ${pod.gateway}`}
          {pod.version && `, v${pod.version}`}
        </small>
      </th>
      <td data-label="status">
        <span class={pod.reports === "live" ? "" : "note"}>
          <Ticking text={said} />
        </span>
        {!pod.takesTraffic && <small>takes no traffic</small>}
        {clock && <small class="warn">{clock}</small>}
        {pod.breakersOmitted > 0 && <small>{pod.breakersOmitted} quiet breakers left out</small>}
      </td>
      <td class="num" data-label="req/s">
        {traffic ? amount(traffic.rps) : "–"}
      </td>
      <td class={`num ${lost > 0 ? "warn" : ""}`} data-label="lost/s">
        {traffic ? amount(lost) : "–"}
      </td>
      <td class="num" data-label="p99">
        {traffic?.p99Ms == null ? "–" : duration(traffic.p99Ms, true)}
      </td>
      <td class="num" data-label="config">
        {pod.configSequence ?? "–"}
      </td>
      <td data-label="snapshot">
        {pod.snapshot || "–"}
        {snapshot && <small class="warn">{snapshot}</small>}
      </td>
      <td data-label="its own page">
        <Way pod={pod} />
      </td>
    </tr>
  )
}

/** A link where one can work, else the command that opens the page. */
function Way({ pod }: { pod: Pod }) {
  const link = podLink(pod, location.search, location.port)
  const command = podCommand(pod)
  return (
    <span class="way">
      {link && (
        <a href={link} target="_blank" rel="noreferrer">
          Open
        </a>
      )}
      {!link && <code>{command}</code>}
      <CopyButton text={command} label={link ? "Copy the command" : "Copy"} what={`what opens the page of ${pod.pod}`} />
    </span>
  )
}
