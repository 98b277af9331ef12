"""The admin port: probes, metrics, the API that shows and overrides what is in force, and the monitor.

`view.py` says what the gateway must offer; `shapes.py` is pure; `plain.py` answers without a framework;
`lazy.py` is what the port runs, and imports `api.py` (FastAPI) with the first call that needs it.

The monitor (docs: monitor): `page.py` serves its files; `feed.py` tells viewers what `feed_shapes.py` and
`feed_diff.py` make of the gateway's state; `monitor.py` is a viewer's socket, imported with the first one;
`wishes.py` reads what viewers ask for; `drills.py` watches overrides; `breaker_test.py` runs the demo's test.
"""
