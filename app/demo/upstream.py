"""The demo upstream, a program of its own: `python -m app.demo.upstream --port N`. It can be made to fail.

`react` decides what a request meets (the table of `PATHS`); the ASGI part only does it.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from app.foundation.logs import configure_logs

if TYPE_CHECKING:
    import uvicorn

__all__ = ["PATHS", "Mode", "Reaction", "Upstream", "configuration", "main", "react"]

PATHS = {
    "/ok": "200",
    "/status/503": "that status, 200 to 599",
    "/slow?ms=2000": "200 after that many milliseconds",
    "/hangup": "the connection closes without a response",
    "/echo": "the request as it arrived, as JSON",
    "/item": "whatever the mode says",
    "/mode": "GET: the mode; PUT with ?fail=1, ?slow_ms=500, ?hangup=1 or ?ok: sets it",
}
MAX_WAIT_MS = 600_000
MAX_ECHO_BYTES = 1 << 20

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mode:
    """What `/item` does. `slow_ms` also delays a failure or a hang-up."""

    fail: bool = False
    slow_ms: int = 0
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """After `wait_ms`: a hang-up, or `status` with `body` (`echo`: the request). `mode`: from now on."""

    status: int = 200
    body: object = None
    wait_ms: int = 0
    hang_up: bool = False
    echo: bool = False
    mode: Mode | None = None


def react(method: str, path: str, query: str, mode: Mode) -> Reaction:
    """What the request meets; a bad one gets 400, 404 or 405 with what would be right."""
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if path == "/":
        return Reaction(body={"paths": PATHS})
    if path == "/ok":
        return Reaction(body={"ok": True})
    if path == "/hangup":
        return Reaction(hang_up=True)
    if path == "/echo":
        return Reaction(echo=True)
    if path == "/slow":
        wait_ms = _number(parameters.get("ms", "2000"), MAX_WAIT_MS)
        if wait_ms is None:
            return _bad(f"ms is a whole number of milliseconds up to {MAX_WAIT_MS}")
        return Reaction(body={"ok": True, "waitedMs": wait_ms}, wait_ms=wait_ms)
    if path.startswith("/status/"):
        status = _number(path.removeprefix("/status/"), 599)
        if status is None or status < 200:
            return _bad("the status is a number from 200 to 599")
        return Reaction(status, {"status": status})
    if path == "/item":
        return _item(mode)
    if path == "/mode":
        return _switched(method, parameters, mode)
    return Reaction(404, {"error": f"no such path: {path}", "paths": PATHS})


def _item(mode: Mode) -> Reaction:
    if mode.hang_up:
        return Reaction(hang_up=True, wait_ms=mode.slow_ms)
    if mode.fail:
        return Reaction(503, {"error": "made to fail by its mode"}, mode.slow_ms)
    return Reaction(200, {"item": "one fine item"}, mode.slow_ms)


def _switched(method: str, parameters: Mapping[str, str], mode: Mode) -> Reaction:
    if method in ("GET", "HEAD"):
        return Reaction(body=_mode_json(mode))
    if method not in ("PUT", "POST"):
        return Reaction(405, {"error": "use GET or PUT"})
    if not parameters or not set(parameters) <= {"fail", "slow_ms", "hangup", "ok"}:
        return _bad("set fail=1, slow_ms=N, hangup=1 or ok")
    for name in ("fail", "hangup"):
        if parameters.get(name, "0") not in ("0", "1"):
            return _bad(f"{name} is 0 or 1")
    slow_ms = _number(parameters.get("slow_ms", "0"), MAX_WAIT_MS)
    if slow_ms is None:
        return _bad(f"slow_ms is a whole number of milliseconds up to {MAX_WAIT_MS}")
    new = Mode(parameters.get("fail") == "1", slow_ms, parameters.get("hangup") == "1")
    if "ok" in parameters and new != Mode():
        return _bad("ok stands alone")
    return Reaction(body=_mode_json(new), mode=new)


def _mode_json(mode: Mode) -> object:
    """Under the names of the parameters that set it."""
    return {"fail": mode.fail, "slow_ms": mode.slow_ms, "hangup": mode.hang_up}


def _bad(what: str) -> Reaction:
    return Reaction(400, {"error": what})


def _number(text: str, highest: int) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9) or int(text) > highest:
        return None
    return int(text)


class Upstream:
    """The ASGI application. `scope["extensions"]["tidegate.hang_up"]` closes the connection (`_protocol`)."""

    def __init__(self) -> None:
        self.mode = Mode()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        query = scope["query_string"].decode("latin-1")
        reaction = react(scope["method"], scope["path"], query, self.mode)
        if reaction.mode is not None:
            self.mode = reaction.mode
        received = await _whole_body(receive)
        if received is None:
            return
        if reaction.wait_ms and not await _waited(receive, reaction.wait_ms / 1000):
            return
        if reaction.hang_up:
            scope["extensions"]["tidegate.hang_up"]()
            await receive()  # until the close is known
            return
        body = _echo(scope, received) if reaction.echo else reaction.body
        await _send_response(send, reaction.status, body, scope["method"] == "HEAD")


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, cut at MAX_ECHO_BYTES + 1; None when the client has gone."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body = (body + message.get("body", b""))[: MAX_ECHO_BYTES + 1]
        if not message.get("more_body", False):
            return body


async def _waited(receive: Receive, seconds: float) -> bool:
    """False when the client left meanwhile."""
    try:
        await asyncio.wait_for(receive(), seconds)
    except TimeoutError:
        return True
    return False


def _echo(scope: Mapping[str, Any], body: bytes) -> object:
    return {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body[:MAX_ECHO_BYTES].decode(errors="replace"),
        "cut": len(body) > MAX_ECHO_BYTES,
    }


async def _send_response(send: Send, status: int, body: object, head: bool) -> None:
    bodiless = status in (204, 304)  # RFC 9110 §6.4.1
    data = b"" if bodiless else json.dumps(body, ensure_ascii=False).encode() + b"\n"
    headers = [] if bodiless else [(b"content-type", b"application/json")]
    if not bodiless:
        headers.append((b"content-length", str(len(data)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else data})


def _protocol() -> type[asyncio.Protocol]:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class HangingUpProtocol(HttpToolsProtocol):
        """ASGI knows no way to close without a response; this puts one into the scope."""

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["extensions"] = {"tidegate.hang_up": self.transport.close}  # type: ignore[dict-item]

    return HangingUpProtocol


def configuration(port: int) -> "uvicorn.Config":
    """The server on loopback; quiet unless something goes wrong."""
    from app.foundation.serving.server import server_config

    keep_alive_s = 90  # longer than the gateway keeps its own side
    return server_config(
        Upstream(),
        _protocol(),
        keep_alive_s=keep_alive_s,
        grace_s=1,
        host="127.0.0.1",
        port=port,
        log_config=None,  # the process log, as every part writes it
        log_level="warning",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app.demo.upstream", description="The demo upstream.")
    parser.add_argument("--port", type=int, required=True, help="the loopback port to listen on")
    port = parser.parse_args(arguments).port

    import uvicorn

    configure_logs()
    uvicorn.Server(configuration(port)).run()


if __name__ == "__main__":
    main()
