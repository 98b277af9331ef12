"""What is in force now, as those parts of the gateway see it that must follow a reload, a new secret or a drain."""

from typing import Protocol

from app.dataplane.proxy.routes import Plans
from app.limits.limiter import Limiter
from app.settings import Settings
from app.telemetry.decisions import DecisionRing

__all__ = ["InForce"]


class InForce(Protocol):
    """The data path's own context has all of it. A part is replaced as a whole: read it again each time.

    `plans`: a reload's. `settings`: the secrets in them may be renewed. `draining`: from SIGTERM on.
    `limiter`, `decisions` (None: off): never replaced.
    """

    plans: Plans
    settings: Settings
    decisions: DecisionRing | None
    draining: bool
    limiter: Limiter
