// The numbers that matter: traffic of the last ten seconds and what is connected.

import { amount, latency, percent } from "../format"
import { useModel } from "../hooks"
import { ALARMING, sums } from "../words"

export function Numbers() {
  const traffic = useModel((model) => model.traffic)
  const connections = useModel((model) => model.connections)
  const { failed, refused } = sums(traffic?.outcomes ?? {})
  const total = traffic?.total ?? 0
  const share = (part: number) => (total > 0 ? percent(part / total) : "–")
  const time = (ms: number | null | undefined) => latency(ms === null || ms === undefined ? null : ms / 1000)
  const upstream = Object.values(connections?.upstreams ?? {}).reduce((sum, one) => sum + one.active + one.idle, 0)
  const cells: [string, string, string, boolean][] = [
    ["requests", "Requests", `${amount(total)}/s`, false],
    ["failed", "Failed", share(failed), failed > total * ALARMING],
    ["refused", "Rejected by gateway", share(refused), false],
    ["p50", "p50", time(traffic?.p50Ms), false],
    ["p99", "p99", time(traffic?.p99Ms), false],
    ["in-flight", "In flight", amount(connections?.inFlight ?? 0), false],
    ["clients", "Clients", amount(connections?.clients ?? 0), false],
    ["upstream", "Upstream connections", amount(upstream), false],
  ]
  return (
    <dl class="numbers" aria-label="Traffic of the last ten seconds">
      {cells.map(([key, label, value, bad]) => (
        <div key={key} class={bad ? "bad" : ""}>
          <dt>{label}</dt>
          <dd data-number={key}>{traffic ? value : "–"}</dd>
        </div>
      ))}
    </dl>
  )
}
