"""The cluster's routes while the operator runs: from what the watches report to what gateways are served with, and back
to what each object's status says.

| part | what it does |
|---|---|
| `gateway_api` | looks for the kinds of Gateway API, then runs everything below |
| `world_view` | the watched objects as the World that is compiled |
| `route_rounds` | compiles and publishes whenever an object changed |
| `endpoint_rounds`, `upstream_endpoints` | endpoints of upstreams, apart and at once |
| `route_statuses`, `status_merge` | statuses, written where they differ |
| `gateway_services`, `service_bodies` | Services and EndpointSlices of the Gateways |
"""
