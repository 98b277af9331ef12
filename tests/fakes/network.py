"""A network without sockets, as a connector meets it: the test says which connections are made, and what they meet."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from tests.fakes.upstream_side import FakeTransport

__all__ = ["Network", "Transport"]


class Transport(FakeTransport):
    """Tells its connection that it is lost when the test says so, as a loop does a tick later."""

    def __init__(self, connection: asyncio.Protocol) -> None:
        super().__init__()
        self.connection = connection
        self.gone = False
        self.alpn: str | None = None
        self.certificate: dict[str, Any] = {}

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" else default

    def selected_alpn_protocol(self) -> str | None:
        return self.alpn

    def getpeercert(self) -> dict[str, Any]:
        return self.certificate

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.connection = cast(asyncio.Protocol, protocol)

    def close(self) -> None:
        self.aborted = True

    def lose(self, error: Exception | None = None) -> None:
        if not self.gone:
            self.aborted = self.gone = True
            self.connection.connection_lost(error)


class Network:
    """The loop as a connector sees it: `made` transports; `arrange`, if set, acts on each as it is made.

    `alpn`: what a server agrees on over TLS. `certificate`: what it shows, as `ssl` decodes it.
    """

    def __init__(self) -> None:
        self.alpn: str | None = None
        self.certificate: dict[str, Any] = {}
        self.made: list[Transport] = []
        self.asked: list[dict[str, Any]] = []
        self.arrange: Callable[[Transport], None] | None = None
        self.reject: OSError | None = None
        self.gate: asyncio.Event | None = None

    async def create_connection(
        self, factory: Callable[[], asyncio.Protocol], host: str, port: int, **how: Any
    ):
        self.asked.append({"host": host, "port": port, **how})
        if self.gate is not None:
            await self.gate.wait()
        if self.reject is not None:
            raise self.reject
        connection = factory()
        transport = Transport(connection)
        transport.alpn, transport.certificate = self.alpn, self.certificate
        self.made.append(transport)
        connection.connection_made(transport)
        if self.arrange is not None:
            self.arrange(transport)
        await asyncio.sleep(0)  # the waiter is told in the next tick
        return transport, connection

    def create_task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_soon(self, callback: Callable[..., object], *args: Any) -> asyncio.Handle:
        return asyncio.get_running_loop().call_soon(callback, *args)

    @property
    def open(self) -> int:
        return sum(not transport.gone for transport in self.made)

    def settle(self) -> None:
        """The loop's next tick: what was aborted is lost."""
        for transport in self.made:
            if transport.aborted:
                transport.lose()
