"""What is measured: which set-up, which load, for whom, for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.comparison.load import Load
from tests.bench.comparison.upstreams import ANSWER, GRPC_PATH, LARGE, MESSAGE, POSTED

__all__ = ["SCENARIOS", "Case", "Scenario"]


@dataclass(frozen=True, slots=True)
class Case:
    """One table: a way to set the contestants up, and a load.

    `setup`: what differs from the full set-up; `skip`: contestants that have no such feature;
    `upstream`: "http1", "h2" or "grpc"; `special`: "idle" or "dead" where it is not the plain course.
    """

    label: str
    load: Load = field(default_factory=Load)
    setup: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 5
    skip: tuple[str, ...] = ()
    upstream: str = "http1"
    special: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    letter: str
    name: str
    title: str
    cases: tuple[Case, ...]


_CLEAR = {"http2": True}  # to an HTTP/1.1 upstream
_THROUGHOUT = {"http2": True, "http2_upstream": True}
_NO_HTTP2 = ("naive", "nginx")  # nginx 1.22 has no port in clear for both versions, as the probes need it
_EIGHT = Load(connections=8, streams=8)

SCENARIOS = (
    Scenario("a", "small", "GET, 248-byte JSON, 64 keep-alive connections, all features", (Case("small"),)),
    Scenario("b", "plain", "the same, proxying only", (Case("plain", setup={"full": False}, seconds=3),)),
    Scenario(
        "c",
        "post",
        "POST of 10 KiB, 1 KiB answer, all features",
        (Case("post", Load("/post", post=POSTED, body=ANSWER), seconds=3),),
    ),
    Scenario(
        "d",
        "large",
        "GET of 1 MiB, 16 connections, all features",
        (Case("large", Load("/large", connections=16, body=LARGE), seconds=3),),
    ),
    Scenario(
        "e",
        "rate",
        "3,000 requests per second, latency from the moment each was due, all features",
        (Case("rate", Load(rate=3000), seconds=6, skip=("naive",)),),
    ),
    Scenario(
        "f",
        "reject",
        "floods that must be refused",
        (
            Case("429 (limit of 1 a minute)", Load(expect=(429,)), {"limit": 1}, 2, ("caddy",)),
            Case("401 (no key)", Load(expect=(401,), key=False), seconds=2),
        ),
    ),
    Scenario(
        "g",
        "tls",
        "small over HTTPS (ECDSA P-256, keep-alive), all features",
        (Case("tls", setup={"tls": True}, seconds=3),),
    ),
    Scenario(
        "h",
        "routes",
        "requests spread over all routes, all features",
        tuple(Case(f"routes: {many:,}", Load("/r", routes=many), {"routes": many}, 2) for many in (1, 1000)),
    ),
    Scenario(
        "i",
        "idle",
        "start-up, memory, 5,000 idle keep-alive connections",
        (Case("idle", special="idle"),),
    ),
    Scenario(
        "j",
        "open",
        "upstream resets every connection, breaker open",
        (Case("open", Load(expect=(503, 502)), seconds=2, special="dead"),),
    ),
    Scenario(
        "k",
        "varied",
        "20,000 different requests in turn (path, query, cookie, trace, a browser's fields), all features",
        (Case("varied", Load(varied=20_000)),),
    ),
    Scenario(
        "l",
        "http2",
        "small over HTTP/2, all features",
        (
            Case("8 connections of 8 streams, upstream HTTP/1.1", _EIGHT, _CLEAR, 3, _NO_HTTP2),
            Case("8 connections of 8 streams, upstream HTTP/2", _EIGHT, _THROUGHOUT, 3, _NO_HTTP2, "h2"),
            Case("64 connections of 1 stream, upstream HTTP/1.1", Load(streams=1), _CLEAR, 3, _NO_HTTP2),
            Case(
                "64 connections of 1 stream, upstream HTTP/2",
                Load(streams=1),
                _THROUGHOUT,
                3,
                _NO_HTTP2,
                "h2",
            ),
            Case(
                "8 connections of 8 streams over TLS, upstream HTTP/1.1",
                _EIGHT,
                {**_CLEAR, "tls": True},
                3,
                _NO_HTTP2,
            ),
        ),
    ),
    Scenario(
        "m",
        "grpc",
        "unary gRPC calls with 248 bytes each way, 8 connections of 8 streams, all features",
        (
            Case(
                "grpc",
                Load(GRPC_PATH, connections=8, streams=8, body=len(MESSAGE), grpc=True),
                {**_THROUGHOUT, "grpc": True},
                3,
                _NO_HTTP2,
                "grpc",
            ),
        ),
    ),
    Scenario(
        "n",
        "http2varied",
        "the requests of k over HTTP/2, 8 connections of 8 streams, all features",
        (
            Case("upstream HTTP/1.1", Load(connections=8, streams=8, varied=20_000), _CLEAR, 3, _NO_HTTP2),
            Case(
                "upstream HTTP/2",
                Load(connections=8, streams=8, varied=20_000),
                _THROUGHOUT,
                3,
                _NO_HTTP2,
                "h2",
            ),
        ),
    ),
)
