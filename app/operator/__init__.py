"""The control plane: it compiles all ResiliencePolicies into one snapshot, hands it to every gateway, and writes
into each policy's status what the fleet really did.

| part | what it does |
|---|---|
| `process` | start, signals, exit: opens the ports, builds the rest, runs kopf |
| `route_plane`, `control_plane` | build what needs no port, with what it uses |
| `reconcile_loop`, `reconciler`, `trigger` | when a round runs, one round, what requests it |
| `serving` | the ports, and what the admin port shows |
| `cluster` | the cluster's routes while it runs: watched objects, rounds, statuses, Services |
| `policy` | compile, status, events: what policies mean and what is said about them |
| `routes` | Gateway API and Ingress: from their objects to tables and statuses |
| `sync` | the gateways' port: tokens, TLS, reports, the fleet |
| `snapshot` | versions of the snapshot, the ConfigMap, what is served |
| `kube` | the Kubernetes API: values, lightkube, kopf, Events |
| `metrics`, `settings`, `clock` | what all of them use |

A part uses those below it, never one above. State, not events: the truth about policies is always a full list, that
about routes a list that a watch keeps up to date. The ConfigMap
is written first, and only then are gateways served. The operator holds nothing that it cannot lose; without it
gateways run on, restart and scale.
"""
