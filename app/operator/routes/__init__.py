"""Gateways and routes of the cluster: from the objects of Gateway API and Ingress to the tables that gateways read,
and to what the status of each object must say. Pure throughout.

| part | what it does |
|---|---|
| `objects` | the objects of every kind as frozen values, read from JSON |
| `world` | all of them at one moment: what `compile` sees |
| `compile` | the whole: a world in, what is compiled out |
| `gateways`, `listeners`, `conflicts`, `certificate_refs` | which Gateways are ours, which listeners serve |
| `attachment`, `hostnames` | which listeners a route is attached to, for which hosts |
| `ingress_listeners` | the listeners that all Ingresses share |
| `gateway_statuses`, `gateway_services`, `target_ports`, `features` | what follows for the cluster |
| `gateway_places`, `route_attachments` | keep what did not change from one world to the next |
| `programmed` | what statuses say once the fleet has confirmed |
| `compiled` | what comes out: tables, certificates, statuses, Services |

`compile(world, …) -> Compiled` works in two halves. The first decides which listeners exist and, for each route and
each of its parents that is ours, the listeners that serve it, each with its hosts there: `AttachedRoute`,
in the order of precedence (oldest first, then namespace and name). The second makes from all attached routes the
document's routes and upstreams, and the conditions of their parents: `CompiledRules`. An Ingress enters the second half
as routes of kind `Ingress` whose parent is `INGRESS_PARENT`.

Sources: Gateway API v1.7.0 (gateway.networking.k8s.io/v1), networking.k8s.io/v1 for Ingress.
"""
