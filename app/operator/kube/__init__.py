"""The Kubernetes API: its objects as values, and the only modules that talk to it.

Adapters: `client` (lightkube), `watch` (kopf). `event_recorder` posts Events at a bounded rate; which ones it
posts, `event_aggregator` decides. `resources`: the values.
"""
