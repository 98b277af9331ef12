"""Is the upstream healthy enough to receive a request? One breaker per upstream, or per (route, upstream).

Decides: admit a request, or reject it with `breaker_open` or `breaker_probing` and whole seconds to wait.
Promises: deciding neither waits nor asks the time; a result of an earlier generation changes nothing; changed
settings reset nothing; reading changes nothing; memory does not grow with rejections.
Units: `now_s` monotonic seconds, `wall_s` seconds since the epoch. Settings: `policy.model.CircuitBreaker`.

`window` counts results over time · `state` is what a breaker knows, `table` what happens in each state, `machine` the
two together · `override_stack` forced states · `transitions` keeps and publishes what happened ·
`outage` how long it has not been closed · `registry` is what the data path uses, `coroutines` (by purgatory) what
code that awaits does.

Where several workers serve, the parent's `owner` has the machines and every worker a `follower` of each; `standing` is
what they say to each other, `awaited_permit` a request that waits for the owner.
"""
