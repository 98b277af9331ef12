"""Simulated gateways in a process of their own: they poll the operator and say that they applied everything.

    async with simulated_gateways(fleet.sync_url, ca, pods) as simulated:
        heard = await simulated.quiet(0.3)

They stand for machines of their own, so they get a core only when nothing else here wants it (`give_way`). And they
read no more of a snapshot than they need to acknowledge it.
"""

import asyncio
import contextlib
import json
import os
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from app.config.sync.messages import SyncRequest
from app.config.sync.packing import unpack_bytes
from app.config.sync.snapshot import MAX_PACKED_BYTES, Snapshot, decode, supersedes
from app.config.sync.table_delta import tables_of
from app.operator.kube.resources import Pod
from tests.bench.side_process import Command, SideProcess, serve, side_process
from tests.fakes.synced_caller import Caller
from tests.fakes.synced_gateway import SyncedGateway

__all__ = ["AcknowledgingGateway", "Heard", "Simulated", "head_of", "simulated_gateways"]

LEAST = 19
"""Of a session's niceness."""
HEAD_BYTES = 64 << 10
PAUSE_S = 0.02

_GZIP = 31  # zlib's window bits for gzip framing
_IS_DELTA = re.compile(r',"tablesDelta":\{"of":')
_LISTENERS = re.compile(r',"tables":\{"listeners":')


def head_of(content: bytes, held: Snapshot | None = None) -> Snapshot:
    """The snapshot in `content` without policies, and of its tables only the listeners: not judged, nor its hash.

    Its keys are sorted, so that all of it stands in the first few kilobytes of megabytes. `held`: the head of what it
    may be a delta of.
    """
    text = zlib.decompressobj(_GZIP).decompress(content, HEAD_BYTES).decode(errors="ignore")
    if _IS_DELTA.search(text):
        return _head_of_delta(content, held)
    found = _LISTENERS.search(text)
    if found is None:
        return decode(content)  # without tables, or with very many policies
    try:
        listeners, _ = json.JSONDecoder().raw_decode(text, found.end())
    except json.JSONDecodeError:
        return decode(content)  # with very many listeners
    return _head(json.loads(text[: found.start()] + "}"), {"listeners": listeners})


def _head_of_delta(content: bytes, held: Snapshot | None) -> Snapshot:
    """A delta is small."""
    assert held is not None, "a delta came that was not asked for"
    body = json.loads(unpack_bytes(content, MAX_PACKED_BYTES))
    delta = body["tablesDelta"]
    said = {key: runs for key, runs in delta["tables"].items() if key == "listeners"}
    return _head(body, tables_of({"of": delta["of"], "tables": said}, held.tables, held.hash))


def _head(body: Mapping[str, Any], tables: Mapping[str, object]) -> Snapshot:
    replaces = tuple(body["replaces"])
    return Snapshot(body["lineage"], body["sequence"], (), body["complete"], replaces, body["hash"], tables)


class AcknowledgingGateway(SyncedGateway):
    """Says that it applied every snapshot, and bound every port of the tables that it holds.

    `on_taken`: before it reads one.
    """

    _last: ClassVar[tuple[bytes, Snapshot] | None] = None
    """What came last to any of them: all of them get the same bytes."""

    def __init__(self, pod: Pod) -> None:
        self.ports: tuple[int, ...] = ()
        self.on_taken: Callable[[], None] = lambda: None
        super().__init__(pod)

    def request(self, wait_s: int = 25) -> SyncRequest:
        return replace(super().request(wait_s), ports=self.ports, takes_deltas=self.held is not None)

    def take(self, content: bytes) -> None:
        self.on_taken()
        if self._last is None or self._last[0] != content:
            AcknowledgingGateway._last = (content, head_of(content, self.held))
        assert self._last is not None
        offered = self._last[1]
        if supersedes(offered, self.held):
            self.held = offered
            tables: Mapping[str, Any] = offered.tables
            self.ports = tuple(sorted({int(one["port"]) for one in tables.get("listeners", ())}))


@dataclass(frozen=True)
class Heard:
    """Since the last question; 0 where nothing came.

    `taken_s`: when the first of all gateways got a snapshot; `acknowledged_s`: when the operator had heard of the last.
    """

    taken_s: float = 0.0
    acknowledged_s: float = 0.0


class Simulated:
    """The process, from outside."""

    def __init__(self, process: SideProcess) -> None:
        self._side, self.process = process, process.process

    async def quiet(self, for_s: float) -> Heard:
        """Once none of them has had anything to do for so long."""
        return Heard(**await self._side.do("quiet", for_s=for_s))


@asynccontextmanager
async def simulated_gateways(
    url: str, ca: str, pods: Mapping[str, Pod], server_name: str = ""
) -> AsyncIterator[Simulated]:
    """`url`: the operator's sync port, `ca`: who signed its certificate (PEM); `pods`: by the token of each.

    `server_name`: that the certificate is for where it is not the host of `url`.
    """
    told = {token: [pod.uid, pod.name, pod.namespace, pod.gateway] for token, pod in pods.items()}
    async with side_process("tests.bench.simulated_gateways") as process:
        await process.do("start", url=url, ca=ca, pods=told, server_name=server_name)
        yield Simulated(process)


class _Process:
    """Inside of it."""

    def __init__(self) -> None:
        self._callers: list[Caller] = []
        self._last_s = 0.0
        self._heard = Heard()

    def commands(self) -> Mapping[str, Command]:
        return {"start": self._start, "quiet": self._quiet}

    async def _start(
        self, url: str, ca: str, pods: Mapping[str, list[str]], server_name: str
    ) -> dict[str, Any]:
        for token, pod in pods.items():
            gateway = AcknowledgingGateway(Pod(*pod))
            gateway.on_taken = self._taken
            caller = Caller(gateway, url, lambda token=token: token, ca, server_name)  # type: ignore[misc]
            caller.on_applied = self._applied
            self._callers.append(caller.start())
        return {}

    async def _quiet(self, for_s: float) -> dict[str, Any]:
        while any(one.is_busy for one in self._callers) or self._idle_s() < for_s:  # noqa: ASYNC110 - time passes
            await asyncio.sleep(PAUSE_S)
        heard, self._heard = self._heard, Heard()
        return asdict(heard)

    def _idle_s(self) -> float:
        return time.monotonic() - self._last_s

    def _applied(self, _: SyncedGateway) -> None:
        self._last_s = time.monotonic()
        self._heard = replace(self._heard, acknowledged_s=self._last_s)

    def _taken(self) -> None:
        if not self._heard.taken_s:
            self._heard = replace(self._heard, taken_s=time.monotonic())


def give_way() -> None:
    """Of this process, which leads a session of its own: to all others of the machine.

    Linux shares cores among sessions first, and niceness counts within each alone unless the session's is set, too
    (sched(7), "The autogroup feature"): niced as a process alone these took a fifth of both cores while gateways
    swapped tables. A core that only idle-priority work has counts as free to whoever wakes up.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):  # of a kernel without it
        Path("/proc/self/autogroup").write_text(f"{LEAST}\n")


if __name__ == "__main__":
    give_way()
    serve(lambda: _Process().commands())
