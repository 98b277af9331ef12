"""What a gateway serves beside its own port: the ports of listeners, here or in its workers, and their certificates."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.config.model import Listener
from app.dataplane.proxy.context import ProxyContext
from app.foundation.serving.listener import listen
from app.gateway.certificates import Certificates
from app.gateway.config.preparation import Prepared
from app.gateway.listener_ports import ListenerPorts
from app.gateway.tasks import Tasks

if TYPE_CHECKING:
    from app.admin.listener_view import ListenerView
    from app.gateway.parent import Parent
    from app.gateway.shared_ports import SharedPorts

__all__ = ["Listeners"]


class Listeners:
    """`certificates`: what the operator delivers goes there. `ports`: how it stands with them."""

    ports: "ListenerPorts | SharedPorts"

    def __init__(
        self, context: ProxyContext, tasks: Tasks, parent: "Parent | None", on_change: Callable[[], None]
    ) -> None:
        """`on_change`: called when a port opens, closes or cannot be had. `parent`: None where there are no workers."""
        self._on_change = on_change
        self._seen: tuple[tuple[int, ...], dict[int, str]] = ((), {})
        if parent is None:
            self.certificates = Certificates()
            self.ports = ListenerPorts(context, self.certificates, tasks, listen, self._look)
            return
        from app.gateway.link.port_messages import certificates_said
        from app.gateway.shared_ports import SharedPorts

        self.ports = shared = SharedPorts(parent.workers, context.settings.host, tasks, self._look)
        self.certificates = certificates = Certificates(shared.spread)
        parent.say_at_boot(
            lambda: {"ports": shared.numbers, "certificates": certificates_said(certificates.delivered)}
        )

    def _look(self) -> None:
        """Something was done to the ports: a gateway without listeners has nothing to report with each table."""
        now = (self.ports.bound, dict(self.ports.faults))
        if now != self._seen:
            self._seen = now
            self._on_change()

    async def follow(self, prepared: Prepared) -> None:
        """A configuration is in force: returns when its ports accept, and no others, or cannot."""
        files = prepared.listener_files
        self.certificates.use(files.pairs, prepared.certificates_in_use)
        await self.ports.follow(prepared.plans.table.listeners, files.client_cas)

    def retry(self, now_s: float) -> None:
        """To be called every second: ports that could not be had may be free now."""
        self.ports.retry(now_s)

    @property
    def servers(self) -> list[asyncio.Server]:
        """What accepts in this process, to be closed when the drain begins."""
        return self.ports.servers if isinstance(self.ports, ListenerPorts) else []

    def views(self, listeners: Sequence[Listener]) -> "list[ListenerView]":
        """Each of `listeners` as its port is now."""
        from app.admin.listener_view import ListenerView  # for the admin API

        bound, faults = frozenset(self.ports.bound), self.ports.faults
        return [
            ListenerView(each, each.port in bound, faults.get(each.port) or self._certificate_fault(each))
            for each in listeners
        ]

    def _certificate_fault(self, listener: Listener) -> str | None:
        """What is wrong with what it shows, for people."""
        for name in listener.certificates:
            why = self.certificates.faults.get(name)
            if self.certificates.pair(name) is None:
                return (
                    f"certificate {name} cannot be used: {why}"
                    if why
                    else f"certificate {name} has not come yet"
                )
            if why is not None:
                return f"certificate {name} was not renewed: {why}"
        return None

    def close(self) -> None:
        """The drain is over."""
        if not isinstance(self.ports, ListenerPorts):
            self.ports.close()
