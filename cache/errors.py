"""The errors of the cache service, on the tree of `app.foundation.errors`.

TidegateError
├── ConfigFaults          a bad environment → exit 2
├── Rejected              a call cannot be served: status and detail → application/problem+json
└── StoreDown             Redis is unavailable; the tiered store goes on from memory, or the call gets 503
"""

from app.foundation.errors import TidegateError

__all__ = ["Rejected"]


class Rejected(TidegateError):
    """A call that gets a problem as its reply: `status`, and `detail` says what is wrong and what would be right."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.status, self.detail, self.headers = status, detail, headers
        super().__init__(f"{status} {detail}")
