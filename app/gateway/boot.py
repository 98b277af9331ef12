"""What a gateway in a cluster knows before it starts: its namespace, and the snapshot that is mounted."""

import logging
from base64 import urlsafe_b64decode
from dataclasses import replace

import orjson

from app.config.sources.mounted_snapshot import read_snapshot, snapshot_path
from app.config.sync.snapshot import Snapshot
from app.foundation.errors import ConfigFaults
from app.settings import Settings

__all__ = ["boot_snapshot", "in_namespace"]

LOG = logging.getLogger("tidegate.sync")


def in_namespace(settings: Settings) -> Settings:
    """With the namespace of the service account's token where `POD_NAMESPACE` is unset."""
    namespace = settings.pod_namespace or _token_namespace(settings.control_plane_token_file)
    return replace(settings, pod_namespace=namespace)


def boot_snapshot(settings: Settings) -> Snapshot | None:
    """What the mounted file holds; a bad one is logged, and the gateway starts without."""
    if settings.snapshot_file is None:
        return None
    try:
        return read_snapshot(snapshot_path(settings.snapshot_file))
    except ConfigFaults as faults:
        for fault in faults.faults:
            LOG.error("snapshot not applied at start: %s", fault)
        return None


def _token_namespace(path: str | None) -> str | None:
    """The namespace that a projected service account token speaks of; the operator verifies it, not we."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            part = file.read(65_536).split(b".")[1]
        claims = orjson.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        namespace = claims["kubernetes.io"]["namespace"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return namespace if isinstance(namespace, str) else None
