"""What a log line says of a request and where it went; all but the path is kept for requests that share it.

Between two requests of a browser the path differs and hardly anything else, so the JSON on both sides of the
path is made once.
"""

import json
from collections.abc import Mapping
from typing import Final, TypeAlias

import orjson

__all__ = ["SUBJECT_FIELDS", "AroundPath", "Subject", "SubjectLines", "path_in_json"]

Subject: TypeAlias = tuple[
    str | None,  # client
    str,  # client_ip
    bytes,  # method
    bytes | None,  # host
    str | None,  # route
    str | None,  # upstream
    str | None,  # endpoint
    str,  # protocol
    int | None,  # grpc_status
    bytes | None,  # user_agent
]
"""What a line says beside the path. Bytes are as received and become text as latin-1."""

SUBJECT_FIELDS: Final = (
    ("client", "name of the API key's owner; null without a key"),
    ("client_ip", "address of the client, as trusted proxies report it"),
    ("method", "request method"),
    ("host", "the request's host; null if it named none"),
    ("path", "raw path of the request, without its query"),
    ("route", "route that took it; null if none did"),
    ("upstream", "upstream that the route names; null if none"),
    ("endpoint", "`address:port` of the last attempt; null if there was none"),
    ("protocol", "`HTTP/1.1`, `HTTP/1.0`, `HTTP/2` or `websocket`"),
    (
        "grpc_status",
        "`grpc-status` of a gRPC call, as a number; null without one",
    ),
    ("user_agent", "`User-Agent` as received; null if absent"),
)

CAPACITY: Final = 1024
"""Of each of two generations."""
MAX_KEPT_BYTES: Final = 1024
"""Of one subject's JSON, so that all of them, with the values they are found by, take at most 4 MiB."""
# what stands in a JSON string as it is; `?` is left out because the query begins there
_CLEAN: Final = bytes(octet for octet in range(0x20, 0x7F) if octet not in b'"\\?')
_CLEAN_TABLE: Final = bytes(octet if octet in _CLEAN else 0x20 for octet in range(256))
"""For `bytes.translate`: leaves clean octets as they are; quicker by 0.1 µs than octets to delete."""


class AroundPath:
    """The end of a log line, from `client` to its newline, but for the path."""

    __slots__ = ("after", "before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self.before = before
        self.after = after


class SubjectLines:
    """Bounded; what was not used while `capacity` others came is dropped. One thread only."""

    __slots__ = ("_capacity", "_old", "_young")

    def __init__(self, capacity: int = CAPACITY) -> None:
        """`capacity` ≥ 1."""
        self._capacity = capacity
        self._young: dict[Subject, AroundPath] = {}
        self._old: dict[Subject, AroundPath] = {}

    def around_path(self, subject: Subject) -> AroundPath:
        around = self._young.get(subject)
        return around if around is not None else self._find(subject)

    def _find(self, subject: Subject) -> AroundPath:
        around = self._old.get(subject)
        if around is None:
            around = _around_path(subject)
            if len(around.before) + len(around.after) > MAX_KEPT_BYTES:
                return around
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[subject] = around
        return around


def path_in_json(target: bytes) -> bytes:
    """Of `target` the path, as it stands in a JSON string, whatever its bytes."""
    if target.translate(_CLEAN_TABLE) == target:
        return target
    return orjson.dumps(target.partition(b"?")[0].decode("latin-1"))[1:-1]


def _around_path(subject: Subject) -> AroundPath:
    client, client_ip, method, host, route, upstream, endpoint, protocol, grpc_status, agent = subject
    before = {"client": client, "client_ip": client_ip, "method": _text(method), "host": _text(host)}
    after: dict[str, str | int | None] = {
        "route": route,
        "upstream": upstream,
        "endpoint": endpoint,
        "protocol": protocol,
        "grpc_status": grpc_status,
        "user_agent": _text(agent),
    }
    try:
        return AroundPath(orjson.dumps(before)[1:-1] + b',"path":"', b'",' + orjson.dumps(after)[1:] + b"\n")
    except TypeError:  # half of a surrogate pair in some text: no UTF-8 for it
        return AroundPath(_replaced(before)[1:-1] + b', "path": "', b'", ' + _replaced(after)[1:] + b"\n")


def _replaced(members: Mapping[str, str | int | None]) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode("utf-8", "replace")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
