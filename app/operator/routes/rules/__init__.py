"""Rules of HTTPRoutes, GRPCRoutes and Ingresses: from attached routes to routes and upstreams of the document.

| part | what it does |
|---|---|
| `names` | how routes and upstreams are called, so that a name says what it stands for |
| `matches`, `filters`, `timing` | one part of a rule each, in the document's spelling |
| `grants`, `service_tls`, `upstreams` | where a reference leads: ReferenceGrant, BackendTLSPolicy, Service |
| `rule`, `verdicts` | a whole rule, and what a route's conditions say of all of them |
| `route_compiler` | all routes at once; what did not change is kept |
| `ingress` | an Ingress as routes |

A rule that we cannot serve as its author wrote it is never served differently and never left out: what it matches gets
500, and the route's conditions name the field and the cure. Whether the gateways can read a rule is not decided here a
second time: it is read with their own parser.
"""
