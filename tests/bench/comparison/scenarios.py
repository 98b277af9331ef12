"""What is measured: which set-up, which load, for whom, for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.comparison.load import ANSWER, LARGE, POSTED, Load

__all__ = ["SCENARIOS", "Case", "Scenario"]


@dataclass(frozen=True, slots=True)
class Case:
    """One table: a way to set the contestants up, and a load.

    `setup`: what differs from the full set-up; `skip`: contestants that have no such feature;
    `special`: "idle" or "dead" where it is not the plain course.
    """

    label: str
    load: Load = field(default_factory=Load)
    setup: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 5
    skip: tuple[str, ...] = ()
    special: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    letter: str
    name: str
    title: str
    cases: tuple[Case, ...]


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
)
