"""The last decisions about requests, for `GET /v1/decisions`: all rejections and failures, of passes a sample.

A bounded ring of plain tuples; the data path pays one append. Names of clients only: never a key, token, cookie, body
or address of a client.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["FREE_PASSES_PER_S", "PASS_EVERY", "Attempt", "Decision", "DecisionRing", "Entry", "Filter"]

FREE_PASSES_PER_S: Final = 50
"""Passes kept in any second before only one in PASS_EVERY is."""
PASS_EVERY: Final = 16

Attempt: TypeAlias = tuple[str | None, str, float | None, float]
"""Endpoint (None: no address was known), outcome, ms from the request's start to the response's head, and to the end.

The outcome is `status_` and a status, a reason word, `stale_connection` or `client_gone`.
"""

Entry: TypeAlias = tuple[
    float,  # at_wall_s: when the request came
    bytes,  # request id
    bytes | None,  # trace id
    bytes,  # method
    int,  # status; 0 where no response began
    str,  # reason
    str,  # error
    str | None,  # route
    str | None,  # client
    str | None,  # tier
    bytes,  # header lines of the limits
    tuple[str | None, int | None],  # the policy that rejected, and its generation
    tuple[str, str] | None,  # breaker and the state that the request met
    tuple[Attempt, ...],
    float,  # duration_s
]
"""As completion hands it over: nothing in it is made for this record alone but what is not there already."""

_RULE: Final = re.compile(rb'"([^"]*)";r=([0-9]+)')


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` "": the upstream's own response. `policy`: of the limit rule or breaker that rejected, with its
    `generation` where it is a resource. `rules`: each limit rule with the requests it has left after this one.
    `breaker`: its name and the state that the request met.
    """

    at_wall_s: float
    request_id: str
    trace_id: str | None
    method: str
    status: int
    reason: str
    error: str
    route: str | None
    client: str | None
    tier: str | None
    policy: str | None
    generation: int | None
    rules: tuple[tuple[str, int], ...]
    breaker: tuple[str, str] | None
    attempts: tuple[Attempt, ...]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are meant; "" is any."""

    reason: str = ""
    route: str = ""
    client: str = ""


class DecisionRing:
    """One thread only."""

    __slots__ = ("_entries", "_free", "_passes")

    def __init__(self, capacity: int) -> None:
        """`capacity` ≥ 1; the oldest goes first."""
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self._free = FREE_PASSES_PER_S
        self._passes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def oldest_wall_s(self) -> float | None:
        """How far back it reaches; None while it is empty."""
        return self._entries[0][0] if self._entries else None

    def takes_pass(self) -> bool:
        """Whether the next request that passes without a failure is kept. To be asked once for each."""
        if self._free:
            self._free -= 1
            return True
        self._passes += 1
        return self._passes % PASS_EVERY == 0

    def record(self, entry: Entry) -> None:
        self._entries.append(entry)

    def pass_time(self, _now_s: float) -> None:
        """To be called every second."""
        self._free = FREE_PASSES_PER_S

    def recent(self, wanted: Filter, limit: int) -> list[Decision]:
        """The last `limit` that are meant, newest first. O(size)."""
        found: list[Decision] = []
        for entry in self._matching(wanted):
            if len(found) >= limit:
                break
            found.append(_decision(entry))
        return found

    def find(self, request_id: str) -> Decision | None:
        """The newest of that id; None where it is gone or never was. O(size)."""
        wanted = request_id.encode()
        for entry in reversed(self._entries):
            if entry[1] == wanted:
                return _decision(entry)
        return None

    def _matching(self, wanted: Filter) -> Iterator[Entry]:
        reason, route, client = wanted.reason, wanted.route, wanted.client
        for entry in reversed(self._entries):
            if (
                (not reason or entry[5] == reason)
                and (not route or entry[7] == route)
                and (not client or entry[8] == client)
            ):
                yield entry


def _decision(entry: Entry) -> Decision:
    at_s, request_id, trace_id, method, status, reason, error, route, client, tier = entry[:10]
    limit_lines, (policy, generation), breaker, attempts, duration_s = entry[10:]
    return Decision(
        at_s,
        request_id.decode("latin-1"),
        trace_id.decode("latin-1") if trace_id is not None else None,
        method.decode("latin-1"),
        status,
        str(reason),
        error,
        route,
        client,
        tier,
        policy,
        generation,
        tuple((name.decode(), int(left)) for name, left in _RULE.findall(limit_lines)),
        breaker,
        attempts,
        duration_s,
    )
