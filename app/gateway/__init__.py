"""The gateway as a process: everything built once, served, reloaded, drained.

Promises: starts when upstreams are unavailable; keeps the last good configuration; on SIGTERM drains as the contract
says (shutdown) and exits 0. `process.py` is the command; with several workers each is `worker.py`, which loads less.
"""
