"""A viewer of the monitor: connects, keeps what it is sent, and puts it together as the page does.

async with viewing(gateway.port) as viewer:
    await viewer.until(lambda: viewer.breaker("cache")["state"] == "open", "the breaker to open")
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.exchange import DEADLINE_S, within

__all__ = ["Watch", "viewing"]


class Watch:
    """`messages`: all that came, in order; the other attributes: what a page would show now."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.breakers: dict[str, dict[str, Any]] = {}
        self.routes: dict[str, dict[str, Any]] = {}
        self.limits: dict[str, dict[str, Any]] = {}
        self.gateway: dict[str, Any] = {}
        self.rest: dict[str, Any] = {}
        self.panels: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.transitions: list[dict[str, Any]] = []
        self.points: dict[int, list[int]] = {1: [], 10: []}
        self._fields: list[str] = []

    def breaker(self, name: str) -> dict[str, Any]:
        return self.breakers[name]

    @property
    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]

    @property
    def run(self) -> dict[str, Any]:
        """The breaker test's run; {} while there is none."""
        run: dict[str, Any] = self.rest["test"]["run"] or {}
        return run

    async def next(self, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        async with within("a message of the monitor", timeout_s):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        self._take(message)
        return message

    async def until(self, condition: Callable[[], object], what: str, timeout_s: float = DEADLINE_S) -> None:
        """Take messages until it is so."""
        async with within(what, timeout_s):
            while not condition():
                await self.next(timeout_s)

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send one; the reply to it."""
        await self.socket.send(json.dumps({"id": len(self.messages), **message}))
        while True:
            reply = await self.next()
            if reply["type"] == "reply":
                return reply

    async def closed(self) -> int:
        """The code that the gateway closed with."""
        async with within("the gateway to close", DEADLINE_S):
            with suppress(ConnectionClosed):
                while True:  # unread messages would hold the close back
                    await self.socket.recv()
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code

    def _take(self, message: dict[str, Any]) -> None:
        assert message["version"] == 1
        self.messages.append(message)
        if message["type"] == "snapshot":
            self.gateway = message["gateway"]
            self.breakers = {row["name"]: row for row in message["breakers"]}
            self.routes = {row["name"]: row for row in message["routes"]["rows"]}
            self.limits = {row["id"]: row for row in message["limits"]}
            self.events = list(message["events"])
            self.panels = dict(message["panels"])
            self.rest = {name: message[name] for name in ("traffic", "connections", "test")}
        elif message["type"] == "history":
            self._take_history(message)
        elif message["type"] == "delta":
            self._take_delta(message)

    def _take_history(self, message: dict[str, Any]) -> None:
        if not message["since"]:
            self.transitions, self.points = [], {1: [], 10: []}
        self._fields = message["transitions"]["fields"]
        self._add_transitions(message["transitions"]["rows"])
        for series in message["series"]:
            assert all(len(column) == len(series["t"]) for column in series["columns"].values())
            self.points[series["stepS"]] += series["t"]

    def _take_delta(self, message: dict[str, Any]) -> None:
        self.gateway.update(message.get("gateway", {}))
        for rows, held in (("breakers", self.breakers), ("limits", self.limits)):
            for row in message.get(rows, ()):
                held.setdefault(row["id" if rows == "limits" else "name"], {}).update(row)
            for name in message.get(f"{rows}Gone", ()):
                del held[name]
        routes = message.get("routes", {"rows": (), "gone": ()})
        for row in routes["rows"]:
            self.routes.setdefault(row["name"], {}).update(row)
        for name in routes["gone"]:
            del self.routes[name]
        self.rest.update(
            {name: message[name] for name in ("traffic", "connections", "test") if name in message}
        )
        self.events += message.get("events", [])
        self.panels.update(message.get("panels", {}))
        self._add_transitions(message.get("transitions", ()))
        for point in message.get("series", ()):
            self.points[point["stepS"]].append(point["t"])

    def _add_transitions(self, rows: Any) -> None:
        self.transitions += [dict(zip(self._fields, row, strict=True)) for row in rows]


@asynccontextmanager
async def viewing(port: int, *, origin: str | None = None, **options: Any) -> AsyncIterator[Watch]:
    """A viewer that has its first snapshot and history."""
    url = f"ws://127.0.0.1:{port}/monitor/ws"
    async with connect(url, origin=origin, compression=None, max_size=None, **options) as socket:  # type: ignore[arg-type]
        watch = Watch(socket)
        await watch.until(lambda: watch.messages[1:], "the snapshot and the history")
        assert [message["type"] for message in watch.messages] == ["snapshot", "history"]
        yield watch
