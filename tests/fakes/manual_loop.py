"""An event loop whose timers and connections are the test's; tasks run on the real one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.fakes.transport import FakeTransport

__all__ = ["Clock", "ManualLoop", "settled"]

_TURNS = 12


class Clock:
    """Monotonic seconds, moved by the test."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


_Loop: Any = asyncio.AbstractEventLoop  # not as its type: it is abstract there, in forty methods


class ManualLoop(_Loop):  # type: ignore[misc]
    """`timers`: what waits, with its pause. `transports`: of the connections made, oldest first.

    `refuse`: ports at which nobody answers; `hang`: ports that answer nothing.
    """

    def __init__(self) -> None:
        self.real = asyncio.get_running_loop()
        self.timers: list[tuple[float, asyncio.TimerHandle]] = []
        self.transports: list[FakeTransport] = []
        self.connected: list[tuple[str, int]] = []
        self.refuse: set[int] = set()
        self.hang: set[int] = set()

    def fire(self) -> None:
        """Every timer that waits comes due."""
        waiting, self.timers = self.timers, []
        for _, handle in waiting:
            if not handle.cancelled():
                handle._run()

    @property
    def waiting(self) -> list[float]:
        """The pauses of the timers that nobody cancelled."""
        return [pause_s for pause_s, handle in self.timers if not handle.cancelled()]

    # asyncio.AbstractEventLoop

    def get_debug(self) -> bool:
        return False

    def time(self) -> float:
        return 0.0

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: `fire` looks."""

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(delay, callback, args, self, context)
        self.timers.append((delay, handle))
        return handle

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        return self.real.call_soon(callback, *args)

    def create_task(self, coro: Coroutine[Any, Any, Any], **_: Any) -> asyncio.Task[Any]:
        return self.real.create_task(coro)

    async def create_connection(self, factory: Callable[[], Any], host: str, port: int, **_: Any) -> Any:
        self.connected.append((host, port))
        await asyncio.sleep(0)
        if port in self.refuse:
            raise ConnectionRefusedError(111, "Connection refused")
        if port in self.hang:
            await asyncio.Event().wait()
        protocol = factory()
        transport = FakeTransport(protocol, peer_ip=host)
        self.transports.append(transport)
        protocol.connection_made(transport)
        return transport, protocol

    def create_future(self) -> asyncio.Future[Any]:
        return self.real.create_future()

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        return self.real.call_soon_threadsafe(callback, *args)


async def settled() -> None:
    """Every callback and task that can go on has gone on."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
