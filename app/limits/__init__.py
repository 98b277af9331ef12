"""May this request pass its rate limits? GCRA buckets, one per (policy, rule, key).

`gcra.py` is the arithmetic (pure), `rule.py` compiles a policy's stanza, `limiter.py` is the interface and
its promises, `memory.py` counts in this process, `shared.py` decides from leases of a store that several
gateways share (`lease_table.py`). Settings: `policy/model.py` (`RateLimit`, `LimitRule`); seconds everywhere
outside `gcra.py`, which counts exactly in ticks and units.
"""
