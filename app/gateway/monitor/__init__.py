"""The live monitor inside the gateway: samples once a second, and serves viewers at most ten times a second.

`sampling.py` runs from the start; what only viewers need (`hub.py` and below) is imported with the first of them.
"""
