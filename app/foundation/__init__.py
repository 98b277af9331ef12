"""What stands below everything else, for the gateway, the operator and the cache service alike.

Nothing here knows a route, a policy or a cached value, and nothing here imports the rest of `app`. `cache/` may import
this folder and nothing else of `app/`. Units: `_s` seconds, `_bytes`; `now_s` is monotonic, `wall_s` since the epoch.
"""
