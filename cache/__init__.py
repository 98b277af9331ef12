"""The cache service: values of any bytes under a key, for a while, over HTTP.

Decides nothing about requests of the gateway; it is an upstream like any other (contract section 9).
Promises: memory is bounded in bytes and the least recently used entry goes first; with Redis a write is
acknowledged when Redis has it, and no replica serves a value older than 1 s after another changed it;
without Redis reads go on from memory and writes are kept to be put into Redis when it is back.

rules   keys, query, entry, memory, backlog, coherence, drain, head, settings (no I/O; `now_s` is given)
store   the interface; doors: memory (process), redis (server), tiered (memory over redis)
edges   calls (what each HTTP call means), api (FastAPI), metrics, __main__

Units: `_s` seconds (monotonic unless the name says wall), `_ms` milliseconds of the Redis server's clock,
`_bytes`. Settings: `cache/settings.py`.
"""
