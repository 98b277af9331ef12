"""A worker's listeners: it opens the ports that the parent has reserved, and shows the certificates it is given."""

from app.dataplane.proxy.context import ProxyContext
from app.foundation.serving.listener import listen_shared
from app.gateway.certificates import Certificates
from app.gateway.config.preparation import Prepared
from app.gateway.link.end import LinkEnd
from app.gateway.link.message import Json, Message
from app.gateway.link.port_messages import (
    CERTIFICATES,
    PORT_REPORT,
    PORTS,
    PortReport,
    certificates_of,
)
from app.gateway.listener_ports import ListenerPorts
from app.gateway.tasks import Tasks

__all__ = ["WorkerListeners"]


class WorkerListeners:
    """The other side of `shared_ports`. `certificates`: those delivered, and those of the configuration's files."""

    def __init__(
        self, context: ProxyContext, link: LinkEnd, tasks: Tasks, first: Prepared, facts: Json
    ) -> None:
        """`first`: the configuration that it begins with; `facts`: ports and certificates, as the parent had them."""
        self._link = link
        self._in_force = first
        self._numbers = frozenset(facts["ports"])
        self.certificates = Certificates()
        self.certificates.put(*certificates_of(facts["certificates"]))
        self.ports = ListenerPorts(context, self.certificates, tasks, listen_shared, self._report)
        self._use_certificates()
        link.on_call(PORTS, self._have)
        link.on_call(CERTIFICATES, self._take)

    async def start(self) -> None:
        """Returns once its ports accept, or cannot."""
        if self._numbers:
            await self._follow()

    def use(self, prepared: Prepared) -> None:
        """It is in force. What it says of ports counts when the parent says which of them there are."""
        self._in_force = prepared
        self._use_certificates()

    def _use_certificates(self) -> None:
        in_force = self._in_force
        self.certificates.use(in_force.listener_files.pairs, in_force.certificates_in_use)

    async def _have(self, message: Message) -> Json:
        self._numbers = frozenset(message.body)
        await self._follow()
        return None

    async def _take(self, message: Message) -> Json:
        self.certificates.put(*certificates_of(message.body))
        return None

    async def _follow(self) -> None:
        listeners = self._in_force.plans.table.listeners
        had = [listener for listener in listeners if listener.port in self._numbers]
        await self.ports.follow(had, self._in_force.listener_files.client_cas)

    def _report(self) -> None:
        report = PortReport(frozenset(self.ports.bound), dict(self.ports.faults))
        self._link.notify(PORT_REPORT, report.said())
