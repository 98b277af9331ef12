"""The admin port: probes, metrics, the API that shows and overrides what is in force, and the monitor.

`view.py` says what the gateway must offer; `json_views.py` is pure; `probes.py` responds without a framework;
`lazy_app.py` is what the port runs, and imports `api.py` (FastAPI) with the first call that needs it.

The monitor (docs: monitor): `pages.py` serves its files; `feed/` sends viewers the gateway's state as it changes;
`commands.py` reads what viewers ask for; `drills.py` watches overrides; `demo_scenario.py` runs the demo's
breaker test.
"""
