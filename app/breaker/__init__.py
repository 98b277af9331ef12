"""Is the upstream well enough to be asked? One breaker per upstream, or per (route, upstream).

Decides: admit a request, or refuse it with `breaker_open` or `breaker_probing` and whole seconds to wait.
Promises: deciding neither waits nor asks the time; a result of an earlier era changes nothing; changed
settings reset nothing; reading moves nothing; memory does not grow with refusals.
Units: `now_s` monotonic seconds, `wall_s` seconds since the epoch. Settings: `policy.model.CircuitBreaker`.

`window` counts results over time · `machine` is the transition table · `purgatory_state` puts the machine
under purgatory's vocabulary · `journal` remembers and tells transitions · `registry` is what others use.

Seam for replicas: a later `sharing` module listens through `Breakers.subscribe` and passes hints ("open
until") over Redis, off the request path; nothing here knows of it.
"""
