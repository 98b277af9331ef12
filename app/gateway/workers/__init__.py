"""The processes that serve the public port where there are several, as the parent sees them.

Each has a listening socket that outlives it, and a link. What they are told about the configuration is `rollout.py`;
their own side is `app/gateway/worker`.
"""
