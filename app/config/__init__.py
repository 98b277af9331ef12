"""Routes, upstreams and keys: their values (`model`) and the immutable table that requests are matched against.

`parsing/` reads them as people write them, all faults together · `sources/` watches the file, the mounted snapshot and
the operator; a bad one keeps the last good table · `sync/` is what gateways and the operator exchange · `check` is
`tidegate check`.
"""
