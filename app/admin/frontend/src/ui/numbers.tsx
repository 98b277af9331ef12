// The numbers that matter: traffic of the last ten seconds and what is connected.

import { amount, latency, percent } from "../format"
import { useModel } from "../hooks"
import type { Traffic } from "../protocol"

/** From these shares on the verdict calls it a problem, too. */
const MUCH_FAILED = 0.01
const MUCH_REJECTED = 0.05

const REJECTED_BY = ["breaker", "limit", "key", "other"] as const

export function Numbers() {
  const traffic = useModel((model) => model.traffic)
  const connections = useModel((model) => model.connections)
  const upstream = Object.values(connections?.upstreams ?? {}).reduce((sum, one) => sum + one.active + one.idle, 0)
  return (
    <dl class="numbers" aria-label="Traffic of the last ten seconds">
      <Figure name="requests" label="Requests" value={traffic && `${amount(traffic.total)}/s`} />
      <Failed traffic={traffic} />
      <Rejected traffic={traffic} />
      <Figure name="p50" label="p50" value={traffic && time(traffic.p50Ms)} />
      <Figure name="p99" label="p99" value={traffic && time(traffic.p99Ms)} />
      <Figure name="in-flight" label="In flight" value={connections && amount(connections.inFlight)} />
      <Figure name="clients" label="Client connections" value={connections && amount(connections.clients)} />
      <Figure name="upstream" label="Upstream connections" value={connections && amount(upstream)} />
    </dl>
  )
}

/** `parts`: what it is made of, most first; the line stays where there is none now. */
interface Shown {
  name: string
  label: string
  value: string | null
  parts?: string[]
  bad?: boolean
  title?: string
}

function Figure({ name, label, value, parts, bad, title }: Shown) {
  return (
    <div class={bad ? "bad" : ""} title={title}>
      <dt>{label}</dt>
      <dd data-number={name}>{value ?? "–"}</dd>
      {parts && <dd class="number-parts">{parts.length ? parts.map((one) => <span key={one}>{one} </span>) : "\u00a0"}</dd>}
    </div>
  )
}

function Failed({ traffic }: { traffic: Traffic | null }) {
  const failed = traffic?.failed ?? 0
  return (
    <Figure
      name="failed"
      label="Failed"
      value={traffic && share(failed, traffic)}
      bad={traffic !== null && failed > 0 && failed >= traffic.total * MUCH_FAILED}
      title="Upstream errors, timeouts, rejections by breakers, and the gateway's own 5xx"
    />
  )
}

function Rejected({ traffic }: { traffic: Traffic | null }) {
  const by = REJECTED_BY.map((cause) => [cause, traffic?.rejected[cause] ?? 0] as const)
    .filter(([, rate]) => rate > 0)
    .sort(([, a], [, b]) => b - a)
  const rejected = by.reduce((sum, [, rate]) => sum + rate, 0)
  // A wrong key is its client's fault: the verdict is of breakers and limits.
  const ours = traffic === null ? 0 : traffic.rejected.breaker + traffic.rejected.limit
  return (
    <Figure
      name="rejected"
      label="Rejected"
      value={traffic && share(rejected, traffic)}
      parts={by.map(([cause, rate]) => `${cause} ${share(rate, traffic!)}`)}
      bad={traffic !== null && ours > 0 && ours >= traffic.total * MUCH_REJECTED}
      title="What the gateway did not let through; those by breakers have failed, too"
    />
  )
}

function share(part: number, { total }: Traffic): string {
  return total > 0 ? percent(part / total) : "–"
}

function time(ms: number | null): string {
  return latency(ms === null ? null : ms / 1000)
}
