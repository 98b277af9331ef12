"""From SIGTERM to exit, as the service's connections see it (contract section 8). Pure.

A client cannot know that the service ends before it is told, and its next request may be on the way. So an
open connection stays until its next response has said `Connection: close`, or until it was quiet for
QUIET_S: a client that sends at full speed loses nothing.
"""

from math import inf

__all__ = ["LINGER_S", "QUIET_S", "Drain", "closes_at_s"]

QUIET_S = 2.0
LINGER_S = 2.0
"""How long what a client still sends is dropped behind its last response (RFC 9112 §9.6)."""


class Drain:
    """How far the service is on its way out: `unready` for `/readyz`, then `began` for every connection."""

    __slots__ = ("began", "unready")

    def __init__(self) -> None:
        self.unready = False
        self.began = False

    def announce(self) -> None:
        """From here on nobody should come; who does is served."""
        self.unready = True

    def begin(self) -> None:
        """From here on every response is its connection's last one."""
        self.unready = True
        self.began = True


def closes_at_s(*, response_is_due: bool, ended_at_s: float | None, heard_s: float) -> float:
    """When a connection may be closed; infinity: not before the drain itself ends.

    `response_is_due`: a response is due, or the client has not yet taken all of it. `ended_at_s`: when a response said
    `Connection: close`, None if none has. `heard_s`: the latest of the last byte in, the last response and
    the drain's begin.
    """
    if response_is_due:
        return inf
    return heard_s + QUIET_S if ended_at_s is None else ended_at_s + LINGER_S
