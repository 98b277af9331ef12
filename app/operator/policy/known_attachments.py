"""What is known of the cluster's Gateways, routes and Services now, as far as policies may name them."""

from app.operator.policy.attachments import NOTHING_SERVED, Attachments, attachments_of
from app.operator.routes.compiled import Compiled
from app.operator.routes.world import World

__all__ = ["KnownAttachments"]


class KnownAttachments:
    """Worked out when somebody asks: a compile of thousands of routes must not wait for it.

    An operator without Gateway API compiles nothing, so it knows from the start that it serves none.
    """

    def __init__(self, *, are_awaited: bool = False) -> None:
        self._found: Attachments | None = None if are_awaited else NOTHING_SERVED
        self._compiled: tuple[World, Compiled] | None = None

    @property
    def current(self) -> Attachments | None:
        """None while nothing was compiled yet that should have been."""
        if self._compiled is not None:
            self._found, self._compiled = attachments_of(*self._compiled), None
        return self._found

    def take(self, world: World, compiled: Compiled) -> None:
        """What was compiled of `world` is what there is now."""
        self._compiled = world, compiled

    def put(self, attachments: Attachments) -> None:
        """There are these now, such as none where the cluster has no Gateway API."""
        self._found, self._compiled = attachments, None
