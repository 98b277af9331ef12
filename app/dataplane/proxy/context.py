"""What all requests of the process share; built once, handed to every connection."""

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from random import Random

from app.dataplane.codec.fields import Hop, Network
from app.dataplane.eventloop.disconnect_poller import HangUps
from app.dataplane.eventloop.timer_wheel import Wheel
from app.dataplane.proxy.head_cache import Repeats
from app.dataplane.proxy.routes import Plans
from app.limits.limiter import Limiter
from app.settings import Settings
from app.telemetry.access_log import AccessLog
from app.telemetry.counts import Counts
from app.telemetry.tracing import Tracer

__all__ = ["Runtime"]

MAX_HOPS = 1024


class Runtime:
    """`plans` is swapped by one assignment. `local_paths`: what the public port serves itself."""

    __slots__ = (
        "_hops",
        "_id_count",
        "_id_format",
        "counts",
        "date_line",
        "draining",
        "hang_ups",
        "limiter",
        "local_paths",
        "log",
        "loop",
        "max_body_bytes",
        "networks",
        "on_internal_error",
        "open_clients",
        "plans",
        "random",
        "repeats",
        "settings",
        "tracer",
        "tunnels",
        "wheel",
    )

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        plans: Plans,
        limiter: Limiter,
        counts: Counts,
        log: AccessLog,
        networks: tuple[Network, ...],
    ) -> None:
        self.settings = settings
        self.loop = loop
        self.plans = plans
        self.limiter = limiter
        self.counts = counts
        self.log = log
        self.networks = networks
        self.tracer: Tracer | None = None
        self.wheel = Wheel(loop)
        self.hang_ups = HangUps(loop)
        self.random = Random()  # noqa: S311 — spreads load and names requests, guards nothing
        self.repeats = Repeats()
        self._hops: dict[tuple[str, str], Hop] = {}
        self._id_format = b"%020x%%012x" % self.random.getrandbits(80)
        self._id_count = 0
        self.max_body_bytes = settings.max_body_bytes
        self.local_paths: frozenset[bytes] = frozenset()
        self.draining = False
        self.open_clients: set[object] = set()
        self.tunnels: set[object] = set()
        self.date_line = b""
        self.on_internal_error: Callable[[BaseException], None] = lambda _: None

    def hop_of(self, peer_ip: str, scheme: str) -> Hop:
        """One for all connections of an address, so that they share what is said of it."""
        hop = self._hops.get((peer_ip, scheme))
        if hop is None:
            if len(self._hops) >= MAX_HOPS:
                self._hops.clear()
            hop = self._hops[peer_ip, scheme] = Hop(peer_ip, scheme, self.networks)
        return hop

    def request_id(self) -> bytes:
        """32 hex digits, unlike all others: 80 random bits per process, a count of 48 (0.14 µs; UUID 1.5)."""
        self._id_count += 1
        return self._id_format % self._id_count

    def set_date(self, wall_s: float) -> None:
        """To be called every second: the Date of our own answers (RFC 9110 §6.6.1)."""
        self.date_line = b"date: %b\r\n" % formatdate(wall_s, usegmt=True).encode()
