"""What a gateway knows before it starts where it stands in a cluster; outside nothing is loaded for it."""

from typing import TYPE_CHECKING

from app.settings import Settings

if TYPE_CHECKING:
    from app.config.sync.snapshot import Snapshot
    from app.gateway.config.discovered import Discovered

__all__ = ["booted", "is_in_cluster", "known_endpoints"]


def is_in_cluster(settings: Settings) -> bool:
    """Whether an operator has a say here."""
    return settings.control_plane_url is not None or settings.snapshot_file is not None


def booted(settings: Settings) -> "tuple[Settings, Snapshot | None]":
    """The settings with the pod's namespace, and the mounted snapshot."""
    if not is_in_cluster(settings):
        return settings, None
    from app.gateway.boot import boot_snapshot, in_namespace

    return in_namespace(settings), boot_snapshot(settings)


def known_endpoints(settings: Settings) -> "Discovered | None":
    """Those of the copy that the gateway kept, if it ran here before; None where no operator finds any."""
    if not is_in_cluster(settings):
        return None
    from app.gateway.config.discovered import Discovered

    discovered = Discovered()
    if settings.endpoints_file is not None:
        from app.config.sources.endpoints_file import read_endpoints

        if (kept := read_endpoints(settings.endpoints_file)) is not None:
            discovered.take(kept)
    return discovered
