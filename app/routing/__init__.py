"""Which route takes a request, and what its target and host say.

`index` decides by the precedence of Gateway API's HTTPRoute, at a cost that does not grow with the number of
routes; `target` reads and rewrites request targets (RFC 9112 §3.2); `host` compares hosts; `weights` picks
among upstreams. Everything works on raw bytes: paths are never decoded. Pure: no I/O, no clock.
"""
