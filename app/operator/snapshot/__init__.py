"""The snapshot that gateways fetch: its sequence of versions and where it is kept.

Pure: `history` (what was published, and to whom it is newer), `lineages` (which snapshots replace which).
`publisher` writes it into the ConfigMap before any gateway is served with it.
"""
