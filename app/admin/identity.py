"""Which gateway this is, and which processes of it serve: the names by which page, admin API and operator know it."""

import socket
from dataclasses import dataclass

from app.settings import Settings

__all__ = ["Identity", "WorkerView", "identity_of"]


@dataclass(frozen=True, slots=True)
class Identity:
    """`pod`: the host outside a cluster. `gateway`: as policies name it. None where nothing says it."""

    pod: str
    gateway: str | None
    namespace: str | None
    node: str | None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One process that serves the public port, where there are several. `state`: starting, ready or gone; `pid` None
    while it is gone. `since_wall_s`: the start of its process. `restarts`: how many it had before."""

    number: int
    state: str
    pid: int | None
    since_wall_s: float
    restarts: int


def identity_of(settings: Settings) -> Identity:
    """What the environment says (`POD_NAME`, `GATEWAY_NAME`, `POD_NAMESPACE`, `NODE_NAME`)."""
    return Identity(
        settings.pod_name or _host_name(),
        settings.gateway_name,
        settings.pod_namespace,
        settings.node_name,
    )


def _host_name() -> str:
    """The host's name, as the name of a Kubernetes object may be written."""
    name = "".join(c if c.isalnum() and c.isascii() else "-" for c in socket.gethostname().lower())
    return name.strip("-")[:63].strip("-") or "gateway"
