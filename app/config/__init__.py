"""Routes, upstreams and keys, as written by people: parsed strictly, compiled into one immutable table.

All faults of a file are reported together, with their paths; a bad file keeps the last good table.
"""
