"""The admin port: probes, metrics, and the API that shows and overrides what is in force.

`view.py` says what the gateway must offer; `shapes.py` is pure; `plain.py` answers without a framework;
`lazy.py` is what the port runs, and imports `api.py` (FastAPI) with the first call that needs it.
"""
