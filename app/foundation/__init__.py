"""What stands below everything else, for the gateway, the operator and the cache service alike.

process    clock · version · logs · allocator (malloc) · collector (gc) · errors (one tree)
           reasons (why a request is rejected)
settings   environment (variables, secrets in files, all faults at once) · readers (the dialect) · units · misspellings
HTTP       asgi · reply · problem (RFC 9457) · conditional (ETag) · bearer (RFC 6750) · prometheus_page
folders    serving (sockets, uvicorn, HTTP in bounds) · redis · otel

Nothing here knows a route, a policy or a cached value, and nothing here imports the rest of `app`. `cache/` may import
this folder and nothing else of `app/`. Units: `_s` seconds, `_bytes`; `now_s` is monotonic, `wall_s` since the epoch.
"""
