"""Requests lately forwarded, by the bytes of their heads: what a client sends again is not read again.

Equal bytes between two messages mean the same request (only the gateway's own words, `Hop`, differ between
clients), so neither parser nor rules of syntax need see them: 9 µs of a small request's 25.
"""

from app.dataplane.codec.fields import Hop
from app.dataplane.codec.request import Request

__all__ = ["Repeats"]

CAPACITY = 2048
"""Of each of two generations; with heads of usual size 5 MB in all."""
MAX_HEAD_BYTES = 2048


class Repeats:
    """Bounded; what was not asked for while `capacity` others came goes. One thread only."""

    __slots__ = ("_capacity", "_old", "_young")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._young: dict[bytes, Request] = {}
        self._old: dict[bytes, Request] = {}

    def find(self, head: bytes, hop: Hop) -> Request | None:
        """The request that `head` was when it came over a connection like this one."""
        request = self._young.get(head)
        if request is None:
            request = self._old.get(head)
            if request is None:
                return None
            self.keep(head, request)
        return request if request.hop is hop else None

    def keep(self, head: bytes, request: Request) -> None:
        """`head`: all its bytes, the empty line too. Only of requests whose bytes mean the same again."""
        if len(head) > MAX_HEAD_BYTES:
            return
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[head] = request

    def clear(self) -> None:
        """Forget all: what was recognised under another table is of no use."""
        self._young, self._old = {}, {}
