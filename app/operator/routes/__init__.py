"""Gateways and routes of the cluster: from the objects of Gateway API and Ingress to the tables that gateways read,
and to what the status of each object must say. Pure throughout.

| part | what it does |
|---|---|
| `objects` | the objects of every kind as frozen values, read from JSON |
| `world` | all of them at one moment: what `compile` sees |
| `attachment` | which listeners a route is attached to, for which hosts |
| `compiled` | what comes out: tables, certificates, statuses, Services |

`compile(world, …) -> Compiled` works in two halves. The first decides which listeners exist and, for each route and
each of its parents that is ours, the listeners that it is attached to with the hosts that both take: `AttachedRoute`,
in the order of precedence (oldest first, then namespace and name). The second makes from all attached routes the
document's routes and upstreams, and the conditions of their parents: `CompiledRules`. An Ingress enters the second half
as routes of kind `Ingress` whose parent is `INGRESS_PARENT`.

Sources: Gateway API v1.7.0 (gateway.networking.k8s.io/v1), networking.k8s.io/v1 for Ingress.
"""
