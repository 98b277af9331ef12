"""A listener as its port is now."""

from dataclasses import dataclass

from app.config.model import Listener

__all__ = ["ListenerView"]


@dataclass(frozen=True, slots=True)
class ListenerView:
    """`fault`: why it does not serve, or not as it says; None where it does."""

    listener: Listener
    is_open: bool
    fault: str | None = None
