"""From SIGTERM to exit, as the service's connections see it (contract section 8). Pure.

A client learns only from a response that the service ends, and its next request may be on the way already. So an
open connection stays until its next response has said `Connection: close`, or until it was quiet for
QUIET_S: a client that sends at full speed loses nothing.
"""

from math import inf

__all__ = ["LINGER_S", "QUIET_S", "ConnectionLife", "Drain"]

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
        """From here on no new client should come; those that do are served."""
        self.unready = True

    def begin(self) -> None:
        """From here on every response is its connection's last one."""
        self.unready = True
        self.began = True


class ConnectionLife:
    """How far one connection is on its way out.

    | state | is closed |
    |---|---|
    | in service | when its keep-alive time is over |
    | `is_draining` | when it was quiet for QUIET_S |
    | `has_ended`: our side, behind a response that said `close` | LINGER_S later |
    """

    __slots__ = ("_ended_at_s", "heard_s", "is_draining")

    def __init__(self) -> None:
        self.is_draining = False
        self.heard_s = 0.0
        """The latest of its begin, its last response, the drain's begin and, in a drain, the last byte in."""
        self._ended_at_s: float | None = None

    def heard(self, now_s: float) -> None:
        self.heard_s = now_s

    def drain(self, now_s: float) -> None:
        """The service ends: the next response is the connection's last."""
        self.is_draining = True
        self.heard_s = now_s

    def end(self, now_s: float) -> None:
        """A response has said `Connection: close`."""
        self._ended_at_s = now_s

    @property
    def has_ended(self) -> bool:
        return self._ended_at_s is not None

    @property
    def is_closing(self) -> bool:
        """Whether its end is decided by the drain or by its own."""
        return self.is_draining or self.has_ended

    def closes_at_s(self, *, response_is_due: bool) -> float:
        """When it may be closed; infinity: not before the drain itself ends.

        `response_is_due`: a response is due, or the client has not yet taken all of it.
        """
        if response_is_due:
            return inf
        return self.heard_s + QUIET_S if self._ended_at_s is None else self._ended_at_s + LINGER_S
