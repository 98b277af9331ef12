"""What fills the panels of the page, each by one function that reads the running gateway."""

from collections.abc import Callable, Mapping

from app.admin.feed.edits import edits_shape
from app.admin.feed.endpoints import endpoints_shape
from app.gateway.monitor.watched import Watched

__all__ = ["suppliers_of_panels"]


def suppliers_of_panels(watched: Watched) -> Mapping[str, Callable[[], object]]:
    """By the panel's name in the protocol; a new panel is a line here, and a type of its own on the page."""
    return {
        "edits": lambda: edits_shape(watched.history.edits),
        "upstreams": lambda: endpoints_shape(watched.upstreams(), watched.unreachable()),
    }
