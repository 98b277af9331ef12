"""The last decisions about requests, for `GET /v1/decisions`: all rejections and failures, of passes a sample.

A bounded ring of plain tuples; the data path pays one append. Names of clients only: never a key, token, cookie, body
or address of a client.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "FREE_PASSES_PER_S",
    "PASS_EVERY",
    "Attempt",
    "Decision",
    "DecisionRing",
    "Entry",
    "Filter",
    "Found",
    "Mark",
]

FREE_PASSES_PER_S: Final = 50
"""Passes kept in any second before only one in PASS_EVERY is."""
PASS_EVERY: Final = 16

Attempt: TypeAlias = tuple[str | None, str, float | None, float]
"""Endpoint (None: no address was known), outcome, ms from the request's start to the response's head, and to the end.

The outcome is `status_` and a status, a reason word, `stale_connection`, `unprocessed` or `client_gone`.
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
    str | None,  # runner-up
    str | None,  # client
    str | None,  # tier
    bytes,  # header lines of the limits
    tuple[str, int | None] | None,  # the policy that rejected, and its generation
    tuple[str, str] | None,  # breaker and the state that the request met
    tuple[Attempt, ...],
    float,  # duration_s
    int,  # status of gRPC; -1 without one
]
"""As completion hands it over: nothing in it is made for this record alone but what is not there already."""

_RULE: Final = re.compile(rb'"([^"]*)";r=([0-9]+)')


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` "": the upstream's own response. `runner_up`: the route that takes such a request without `route`.
    `policy`: of the limit rule, breaker or timeout that ended it, with its `generation` where it is a resource.
    `rules`: each limit rule with the requests it had left after this one, as the gateway knew then. `breaker`: its
    name and the state that the request met. `grpc_status`: −1 without one; `status` is what it counts as.
    """

    at_wall_s: float
    request_id: str
    trace_id: str | None
    method: str
    status: int
    reason: str
    error: str
    route: str | None
    runner_up: str | None
    client: str | None
    tier: str | None
    policy: str | None
    generation: int | None
    rules: tuple[tuple[str, int], ...]
    breaker: tuple[str, str] | None
    attempts: tuple[Attempt, ...]
    duration_s: float
    grpc_status: int = -1


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are meant; "" is any. `breaker`: the one that the request met; `policy`: that ended it."""

    reason: str = ""
    route: str = ""
    client: str = ""
    breaker: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has read: the first `recorded` decisions of the process that is called `process`."""

    process: int
    recorded: int


@dataclass(frozen=True, slots=True)
class Found:
    """What was meant, newest first, and where to go on. `oldest_wall_s`: how far back the ring reaches; None while it
    is empty.

    Newer than the mark that was given: `omitted` are meant too, but more than the limit; `overwritten` are gone,
    whether meant or not. Both are 0 without a mark. `restarted`: the mark was another process's; nothing counts as
    read then.
    """

    entries: list[Entry]
    mark: Mark
    oldest_wall_s: float | None
    omitted: int = 0
    overwritten: int = 0
    restarted: bool = False
    limits_shared: bool = False

    def decisions(self) -> list[Decision]:
        """May be called in any thread."""
        return [_decision(entry) for entry in self.entries]


class DecisionRing:
    """One thread only.

    `limits_shared`: whether limits of scope Global are counted in a shared store; what a rule had left is then what
    this gateway held of it and what the store held at its last reply, a moment ago.
    """

    __slots__ = (
        "_capacity",
        "_entries",
        "_free",
        "_free_per_s",
        "_next",
        "_passes",
        "_recorded",
        "limits_shared",
        "process",
    )

    def __init__(
        self,
        capacity: int,
        process: int = 0,
        *,
        limits_shared: bool = False,
        free_passes_per_s: int = FREE_PASSES_PER_S,
    ) -> None:
        """`capacity` ≥ 1; the oldest goes first. `process`: unlike that of any other process of this gateway."""
        self._capacity = capacity
        self._entries: list[Entry] = []
        self._next = 0
        self._free = self._free_per_s = free_passes_per_s
        self._passes = 0
        self._recorded = 0
        self.limits_shared = limits_shared
        self.process = process

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def oldest_wall_s(self) -> float | None:
        """How far back it reaches; None while it is empty."""
        return self._nth_last(len(self._entries))[0] if self._entries else None

    def _nth_last(self, number: int) -> Entry:
        """1 is the newest, the number of all that are held the oldest; an index below 0 counts from the list's end."""
        return self._entries[self._next - number]

    def takes_pass(self) -> bool:
        """Whether the next request that passes without a failure is kept. To be asked once for each."""
        if self._free:
            self._free -= 1
            return True
        self._passes += 1
        return self._passes % PASS_EVERY == 0

    def record(self, entry: Entry) -> None:
        self._recorded += 1
        entries, at = self._entries, self._next
        if at < len(entries):
            entries[at] = entry
        else:
            entries.append(entry)
        self._next = at + 1 if at + 1 < self._capacity else 0

    def pass_time(self, _now_s: float) -> None:
        """To be called every second."""
        self._free = self._free_per_s

    def take(self) -> list[Entry]:
        """All that it holds, oldest first, for another ring; it is empty then."""
        taken = self._entries[self._next :] + self._entries[: self._next]
        self._entries, self._next = [], 0
        return taken

    def recent(self, wanted: Filter, limit: int, after: Mark | None = None) -> Found:
        """The last `limit` that are meant, of those recorded since `after`. O(those recorded since)."""
        mark = Mark(self.process, self._recorded)
        restarted = after is not None and after.process != self.process
        seen = after.recorded if after is not None and not restarted else 0
        new = max(0, self._recorded - seen)
        found: list[Entry] = []
        omitted = 0
        for number in range(1, len(self._entries) + 1):
            if new <= 0 or (after is None and len(found) == limit):
                break
            new -= 1
            entry = self._nth_last(number)
            if not _is_meant(entry, wanted):
                continue
            if len(found) < limit:
                found.append(entry)
            else:
                omitted += 1
        overwritten = new if after is not None else 0
        return Found(found, mark, self.oldest_wall_s, omitted, overwritten, restarted, self.limits_shared)

    def find(self, request_id: str) -> Decision | None:
        """The newest of that id; None where it is gone or never was. O(size)."""
        wanted = request_id.encode()
        for number in range(1, len(self._entries) + 1):
            entry = self._nth_last(number)
            if entry[1] == wanted:
                return _decision(entry)
        return None


def _is_meant(entry: Entry, wanted: Filter) -> bool:
    if (
        (wanted.reason and entry[5] != wanted.reason)
        or (wanted.route and entry[7] != wanted.route)
        or (wanted.client and entry[9] != wanted.client)
        or (wanted.policy and (entry[12] is None or entry[12][0] != wanted.policy))
    ):
        return False
    if not wanted.breaker:
        return True
    breaker = entry[13]
    return breaker is not None and breaker[0] == wanted.breaker


def _decision(entry: Entry) -> Decision:
    at_s, request_id, trace_id, method, status, reason, error, route, runner_up, client, tier = entry[:11]
    limit_lines, policy, breaker, attempts, duration_s, grpc_status = entry[11:]
    return Decision(
        at_s,
        request_id.decode("latin-1"),
        trace_id.decode("latin-1") if trace_id is not None else None,
        method.decode("latin-1"),
        status,
        str(reason),
        error,
        route,
        runner_up,
        client,
        tier,
        policy[0] if policy is not None else None,
        policy[1] if policy is not None else None,
        tuple((name.decode(), int(left)) for name, left in _RULE.findall(limit_lines)),
        breaker,
        attempts,
        duration_s,
        grpc_status,
    )
