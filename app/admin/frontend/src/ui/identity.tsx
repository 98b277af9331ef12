// Which gateway this page shows: a port-forward leads to one of many.

import { nowMs } from "../clock"
import { zone } from "../format"
import { useModel } from "../hooks"
import type { Identity } from "../protocol"

export function Whose() {
  const identity = useModel((model) => model.gateway?.identity)
  if (!identity) return null
  const { pod, gateway, namespace, node } = identity
  return (
    <>
      <span class="whose" title={inFull(identity)}>
        {namespace === null ? "host " : "pod "}
        <bdi>{pod}</bdi>
      </span>
      {namespace !== null && (
        <span>
          namespace <bdi>{namespace}</bdi>
        </span>
      )}
      {gateway !== null && (
        <span>
          gateway <bdi>{gateway}</bdi>
        </span>
      )}
      {node !== null && (
        <span class="minor">
          node <bdi>{node}</bdi>
        </span>
      )}
    </>
  )
}

/** Said once for all times of the page. */
export function Zone() {
  return <span title="The gateway's clock, in this browser's time zone">times in {zone(nowMs())}</span>
}

function inFull({ pod, gateway, namespace, node }: Identity): string {
  const said = [namespace === null ? `Host ${pod}` : `Pod ${namespace}/${pod}`]
  if (gateway !== null) said.push(`gateway ${gateway}`)
  if (node !== null) said.push(`node ${node}`)
  return said.join(", ")
}
