"""A request of the gateway to its own public port, as any client would send it."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Front", "NoResponse", "Seen", "ask"]

_LIMIT_BYTES = 65_536


class NoResponse(Exception):
    """No HTTP response came; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Front:
    """The public port from within: `host` is an address of this machine; `key`: a client's, or None."""

    host: str
    port: int
    tls: bool
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """`reason`: the gateway's own reason word, "" for an upstream's response; `retry_after_s`: None without."""

    status: int
    reason: str
    retry_after_s: int | None


async def ask(front: Front, path: str, timeout_s: float) -> Seen:
    """GET `path` on a connection of its own. Raises NoResponse."""
    context = None
    if front.tls:  # to ourselves: whose certificate it is does not matter
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(
                front.host, front.port, ssl=context, limit=_LIMIT_BYTES
            )
            try:
                writer.write(_request(front, path))
                head = await reader.readuntil(b"\r\n\r\n")
                while await reader.read(_LIMIT_BYTES):
                    pass  # to its end: who leaves earlier counts as a client that hung up
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        raise NoResponse(f"no response within {timeout_s:g} s") from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise NoResponse(f"no response: {error}") from error
    return _read(head)


def _request(front: Front, path: str) -> bytes:
    key = f"x-api-key: {front.key}\r\n" if front.key is not None else ""
    host = f"[{front.host}]" if ":" in front.host else front.host
    return (
        f"GET {path} HTTP/1.1\r\nhost: {host}:{front.port}\r\nuser-agent: tidegate-breaker-test\r\n"
        f"{key}connection: close\r\n\r\n"
    ).encode("latin-1")


def _read(head: bytes) -> Seen:
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    wait = fields.get("retry-after", "")
    try:
        status = int(lines[0].split(" ")[1])
    except (IndexError, ValueError):
        raise NoResponse("what came is not an HTTP response") from None
    return Seen(status, fields.get("tidegate-reason", ""), int(wait) if wait.isdecimal() else None)
