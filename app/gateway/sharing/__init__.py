"""What the workers of one gateway share, over their links: breakers, limits, counts, decisions.

`worker_end` is a worker's side of it, `parent_end` the parent's. `count_rises`, `decision_messages` and
`breaker_messages` are what travels.
"""
