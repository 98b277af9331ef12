"""Listeners of one Gateway that no request could tell apart (Gateway API v1.7.0: Distinct Listeners). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.operator.routes.objects.listeners import Listener

__all__ = ["PROTOCOLS", "Conflict", "find_conflicts"]

PROTOCOLS = ("HTTP", "HTTPS")
"""What our listeners speak."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """`reason`: of the condition Conflicted, ProtocolConflict or HostnameConflict."""

    reason: str
    message: str


class _Held:
    """What listeners have already: the protocols of a port, and its hosts."""

    __slots__ = ("_hosts", "_protocols")

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._protocols: dict[int, set[str]] = {}
        self._hosts: set[tuple[int, str, str]] = set()
        self.add(listeners)

    def add(self, listeners: Iterable[Listener]) -> None:
        for one in listeners:
            self._protocols.setdefault(one.port, set()).add(one.protocol)
            self._hosts.add(_place(one))

    def conflict(self, one: Listener) -> Conflict | None:
        """Why `one` cannot have its place."""
        others = sorted(self._protocols.get(one.port, set()) - {one.protocol})
        if others:
            message = f"another listener has port {one.port} for {others[0]}; give each protocol its own port"
            return Conflict("ProtocolConflict", message)
        if _place(one) in self._hosts:
            host = f"hostname {one.hostname}" if one.hostname else "no hostname"
            message = f"another listener with {host} has port {one.port}; change hostname or port"
            return Conflict("HostnameConflict", message)
        return None


def find_conflicts(groups: Sequence[Sequence[Listener]]) -> dict[tuple[int, int], Conflict]:
    """By place in `groups`: which listeners cannot have their port and host.

    `groups`: the Gateway's own listeners, then those of each of its ListenerSets, oldest first. An earlier group has
    its listeners, whatever a later one wants; within a group nobody wins. What we do not speak takes nobody's place.
    """
    found: dict[tuple[int, int], Conflict] = {}
    held = _Held()
    for number, listeners in enumerate(groups):
        free = [one for one in listeners if one.protocol in PROTOCOLS and held.conflict(one) is None]
        kept: list[Listener] = []
        for index, one in enumerate(listeners):
            rivals = _Held(other for other in free if other is not one)
            conflict = held.conflict(one) or rivals.conflict(one)
            if conflict is not None:
                found[number, index] = conflict
            elif one.protocol in PROTOCOLS:
                kept.append(one)
        held.add(kept)
    return found


def _place(one: Listener) -> tuple[int, str, str]:
    return (one.port, one.protocol, (one.hostname or "").lower())
