"""The monitor's feed: one state of the gateway, sent to every viewer as snapshots and deltas (docs: monitor).

`feed.py` decides who gets what and when; `views.py` and `delta.py` are pure: rows as JSON-able values, and what
changed between two states; `viewer_socket.py` is one viewer's connection, imported with the first one.
"""
