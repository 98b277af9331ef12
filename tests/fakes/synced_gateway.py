"""A gateway as the operator knows it: calls, takes snapshots over, says what it did. No sockets, no clock.

It reads snapshots and merges policies with the product's own pure parts, so that its table is what a real
gateway would serve with.
"""

from collections.abc import Collection, Iterable, Mapping

from app.config.sync.messages import (
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.snapshot import PolicyEntry, Snapshot, decode, supersedes
from app.foundation.errors import ConfigFaults
from app.operator.kube.resources import Pod
from app.policy.effective import Origin, Source
from app.policy.merge import Stated, layer, resolve
from app.policy.model import Mode, Policy, Spec
from app.policy.parse import parse_spec

__all__ = ["SyncedGateway", "table_of"]

ROUTES = ("orders", "carts")
UPSTREAMS = ("cache", "shop")
_LAST = ((None, Origin(Source.BUILT_IN, "built-in", "Gateway")),)

Table = Mapping[str, object]


def table_of(entries: Iterable[PolicyEntry], lacks: Collection[str] = ()) -> Table:
    """What is in force for every route and upstream, by stanza and mode; `lacks`: stanzas not understood."""
    stated = [
        Stated(Policy(f"{entry.namespace}/{entry.name}", spec), Source.RESOURCE)
        for entry in entries
        if isinstance(spec := _understood(entry, lacks), Spec)
    ]
    table: dict[str, object] = {}
    for mode in Mode:
        hierarchy = layer(stated, mode=mode, gateway="edge")
        for route in ROUTES:
            for stanza in ("rate_limit", "timeout", "retry"):
                table[f"{mode} {stanza} {route}"] = resolve(getattr(hierarchy, stanza), _LAST, route=route)
            for upstream in UPSTREAMS:
                breaker = resolve(hierarchy.circuit_breaker, _LAST, route=route, upstream=upstream)
                table[f"{mode} breaker {upstream}@{route}"] = breaker
    return table


def _understood(entry: PolicyEntry, lacks: Collection[str]) -> Spec | str:
    for stanza in lacks:
        if stanza in entry.spec:
            return f"spec.{stanza}: is not a known key; upgrade this gateway"
    try:
        return parse_spec(entry.spec)
    except ConfigFaults as faults:
        return str(faults)


class SyncedGateway:
    """`lacks`: stanzas that this (older) gateway does not understand."""

    def __init__(self, pod: Pod, lacks: Collection[str] = ()) -> None:
        self.pod, self.lacks = pod, lacks
        self.boots = 0
        self.held: Snapshot | None = None
        self.table: Table = table_of(())
        self.breakers: tuple[BreakerReport, ...] = ()
        self.transitions: tuple[TransitionReport, ...] = ()
        self.routes: tuple[str, ...] = ROUTES
        self.limit_store_up: bool | None = None
        self.sends_summaries: bool | None = None
        self._attempt: Attempt | None = None
        self.boot(None)

    def boot(self, content: bytes | None) -> None:
        """Starts (anew) from the mounted snapshot; None: there is none."""
        self.restart_calls()
        self.held, self._attempt, self.table = None, None, table_of(())
        if content is not None:
            self.take(content)

    def restart_calls(self) -> None:
        """Speaks as another boot; also after calls that were refused as replayed."""
        self.boots += 1
        self._calls = 0

    def request(self, wait_s: int = 25) -> SyncRequest:
        """The next call."""
        self._calls += 1
        held = self.held
        return SyncRequest(
            Instance(
                self.pod.uid,
                self.pod.name,
                self.pod.namespace,
                f"boot-{self.boots}",
                self._calls,
                self.pod.gateway,
                "0.1.0",
            ),
            applied=None if held is None else Applied(held.lineage, held.sequence, held.hash, 1.0),
            attempt=self._attempt,
            targets=Targets(self.routes, UPSTREAMS),
            breakers=self.breakers,
            transitions=self.transitions,
            limit_store_up=self.limit_store_up,
            wait_s=wait_s,
            sends_summaries=self.sends_summaries,
        )

    def take(self, content: bytes) -> None:
        """A snapshot came, from the operator or from the volume."""
        try:
            offered = decode(content)
        except ConfigFaults:
            return
        if not supersedes(offered, self.held):
            return
        errors = []
        for entry in offered.policies:
            understood = _understood(entry, self.lacks)
            if isinstance(understood, str):
                errors.append(PolicyError(entry.uid, entry.generation, understood))
        result = ApplyResult.PARTIAL if errors else ApplyResult.APPLIED
        self.table, self.held = table_of(offered.policies, self.lacks), offered
        self._attempt = Attempt(offered.lineage, offered.sequence, result, "", tuple(errors))
