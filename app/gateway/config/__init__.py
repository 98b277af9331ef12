"""The configuration in force: files, environment and the cluster's snapshot become plans that requests are served by.

`preparation.py` reads and compiles in any thread; `configuration.py` binds the result to what outlives a table
and puts it in force; the last good configuration stays where a new one is invalid.
"""
