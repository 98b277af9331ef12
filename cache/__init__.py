"""The cache service: values of any bytes under a key, for a while, over HTTP.

It decides nothing about the gateway's requests; it is an upstream like any other (contract section 9).
Promises: memory is bounded in bytes and the least recently used entry goes first; with Redis a write is
acknowledged when Redis has it, and no replica serves a value older than 1 s after another changed it;
without Redis reads go on from memory and writes are kept to be put into Redis when it is back.

rules      keys, query, entry, lru, write_behind, coherence, drain, request_validation, settings (no I/O; `now_s` given)
store      the interface, and its places: memory (this process), redis_store (a server), tiered (memory over Redis)
edges      handlers (what each call means), middleware (token, fast lane), api (FastAPI), http_protocol (the socket),
           body_budget, metrics, __main__
below it   `app.foundation`: settings, replies and problems, ports, Redis, spans

Units: `_s` seconds (monotonic unless the name says wall), `_ms` milliseconds of the Redis server's clock,
`_bytes`. Settings: `cache/settings.py`.
"""
