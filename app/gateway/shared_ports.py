"""The ports of listeners where workers accept: reserved by the parent, opened by every worker.

The parent reserves a port before any worker opens it, so another program on it is found out; it says which ports it
has, and hears from each worker which of them accept. What holds in all of them is what the gateway says of itself.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from app.config.model import Listener
from app.foundation.key_pair import KeyPair
from app.foundation.serving.listener import reserve
from app.gateway.link.message import Message
from app.gateway.link.port_messages import CERTIFICATES, PORT_REPORT, PORTS, PortReport, certificates_said
from app.gateway.ports import OpenSocket, by_port, opened
from app.gateway.tasks import Tasks
from app.gateway.workers.pool import Workers
from app.gateway.workers.worker import Worker

__all__ = ["SharedPorts"]

LOG = logging.getLogger("tidegate")

WITHIN_S: Final = 10.0
"""How long workers may take to open ports or to take certificates; one that does not says so later."""


class SharedPorts:
    """Implements `PortStates`. `on_change` is called after each change of `bound` and `faults`."""

    def __init__(
        self,
        workers: Workers,
        host: str,
        tasks: Tasks,
        on_change: Callable[[], None],
        reserve_socket: OpenSocket = reserve,
    ) -> None:
        self._workers = workers
        self._host = host
        self._tasks = tasks
        self._on_change = on_change
        self._reserve_socket = reserve_socket
        self._wanted: dict[int, tuple[Listener, ...]] = {}
        self._reserved: dict[int, socket.socket] = {}
        self._own_faults: dict[int, str] = {}
        self._reports: dict[Worker, PortReport] = {}
        self._changing = asyncio.Lock()
        workers.on_connected(self._connect)
        workers.on_ready(lambda _: self._publish())
        workers.on_gone(self._forget)

    @property
    def numbers(self) -> list[int]:
        """The ports that workers are to have."""
        return sorted(self._reserved)

    @property
    def bound(self) -> tuple[int, ...]:
        """The ports that accept in every worker that serves."""
        serving = [worker for worker in self._workers.each if worker.is_ready]
        if not serving:
            return ()
        everywhere = set(self._reserved)
        for worker in serving:
            report = self._reports.get(worker)
            everywhere &= report.bound if report is not None else set()
        return tuple(sorted(everywhere))

    @property
    def faults(self) -> Mapping[int, str]:
        """Why a port is not open everywhere, by its number: what this process met comes first."""
        found: dict[int, str] = {}
        for worker, report in self._reports.items():
            for number, why in report.faults.items():
                found.setdefault(number, f"worker {worker.number}: {why}")
        return {**found, **self._own_faults}

    async def follow(self, listeners: Sequence[Listener], _client_cas: Mapping[str, str]) -> None:
        """Returns when all workers have the ports of `listeners`, or said why not."""
        before = self._states
        async with self._changing:
            self._wanted = by_port(listeners)
            if not self._wanted and not self._reserved:
                return
            for number in [each for each in self._reserved if each not in self._wanted]:
                self._reserved.pop(number).close()
            self._own_faults = {n: why for n, why in self._own_faults.items() if n in self._wanted}
            self._reserve()
            await self._workers.call(PORTS, self.numbers, within_s=WITHIN_S)
        self._note_change(before)

    async def spread(self, good: Mapping[str, KeyPair], removed: Collection[str]) -> None:
        """Certificates go to all workers; returns when they have them (`Certificates.take`)."""
        await self._workers.call(CERTIFICATES, certificates_said(good, removed), within_s=WITHIN_S)

    def retry(self, _now_s: float) -> None:
        """To be called every second: ports that could not be had may be free now."""
        if self._own_faults and not self._changing.locked():
            self._tasks.spawn(self._retry())

    def close(self) -> None:
        """No worker is left."""
        for sock in self._reserved.values():
            sock.close()
        self._reserved.clear()

    async def _retry(self) -> None:
        before = self._states
        async with self._changing:
            if not self._reserve():
                return
            await self._workers.call(PORTS, self.numbers, within_s=WITHIN_S)
        self._note_change(before)

    def _reserve(self) -> bool:
        """Those that are wanted and not had yet; whether there is a new one."""
        before = len(self._reserved)
        for number, listeners in self._wanted.items():
            if number in self._reserved:
                continue
            sock = opened(self._reserve_socket, self._host, listeners[0])
            if isinstance(sock, str):
                if self._own_faults.get(number) != sock:
                    LOG.error("%s; it is tried again every second", sock)
                self._own_faults[number] = sock
            else:
                self._own_faults.pop(number, None)
                self._reserved[number] = sock
        return len(self._reserved) > before

    def _connect(self, worker: Worker) -> None:
        def heard(message: Message) -> None:
            before = self._states
            self._reports[worker] = PortReport.of(message.body)
            self._note_change(before)

        worker.link.on_notice(PORT_REPORT, heard)

    def _forget(self, worker: Worker) -> None:
        self._reports.pop(worker, None)
        self._publish()

    @property
    def _states(self) -> tuple[tuple[int, ...], Mapping[int, str]]:
        return self.bound, self.faults

    def _note_change(self, before: tuple[tuple[int, ...], Mapping[int, str]]) -> None:
        if before != self._states:
            self._on_change()

    def _publish(self) -> None:
        """A worker began or ended."""
        if self._wanted:
            self._on_change()
