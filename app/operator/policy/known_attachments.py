"""What is known of the cluster's Gateways, routes and Services now, as far as policies may name them."""

from app.operator.policy.attachments import NOTHING_SERVED, Attachments

__all__ = ["KnownAttachments"]


class KnownAttachments:
    """`current`: None while nothing was compiled yet that should have been.

    An operator without Gateway API compiles nothing, so it knows from the start that it serves none.
    """

    def __init__(self, *, are_awaited: bool = False) -> None:
        self.current: Attachments | None = None if are_awaited else NOTHING_SERVED

    def put(self, attachments: Attachments) -> None:
        """What the objects, and the tables that were compiled of them, say now."""
        self.current = attachments
