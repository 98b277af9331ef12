"""The reply to a call that failed with one of our errors."""

from app.foundation.errors import StoreDown
from app.foundation.reply import Reply, problem
from cache.errors import Rejected

__all__ = ["problem_of"]


def problem_of(error: Rejected | StoreDown) -> Reply:
    """The problem (RFC 9457) that tells the client what was wrong."""
    if isinstance(error, Rejected):
        return problem(error.status, error.detail, error.headers)
    detail = f"Redis is unavailable ({error.cause}), and this service keeps no write that Redis does not have"
    return problem(503, detail, ((b"retry-after", b"1"),))
