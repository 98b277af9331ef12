"""The control plane: watches ResiliencePolicies, compiles them into one snapshot, hands it to every gateway,
and writes into each policy's status what the fleet really did.

Pure: `resources`, `compile`, `fleet`, `breakers`, `status`, `pacing`, `events`. Doors: `watch` (kopf),
`cluster` (lightkube), `certificates` (cryptography), `metrics` (prometheus-client), `sync_api` (uvicorn).
`control` joins them, `process` starts and ends them. Settings: `settings.py`.

State, not events: truth is always a full list. The ConfigMap comes first, and only then the gateways. The
operator holds nothing that it cannot lose; without it gateways run on, restart and scale.
"""
