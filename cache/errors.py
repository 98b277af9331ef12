"""Every error of the cache service.

CacheError                never raised itself
├── SettingFaults         a tuple of SettingFault: variable, what is wrong, what would be right → exit 2
├── Refused               a call cannot be served: status and detail → application/problem+json
└── StoreDown             Redis does not serve; the tiered store goes on from memory, or the call gets 503
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

__all__ = ["CacheError", "Refused", "SettingFault", "SettingFaults", "StoreDown"]


class CacheError(Exception):
    """Root of the tree; never raised itself."""


@dataclass(frozen=True, slots=True)
class SettingFault:
    """One fault of the environment: `name` is the variable, `fix` what would be right."""

    name: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}; {self.fix}"


class SettingFaults(CacheError):
    """All faults of the environment, found in one pass; never empty."""

    def __init__(self, faults: Iterable[SettingFault]) -> None:
        self.faults: tuple[SettingFault, ...] = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Refused(CacheError):
    """A call that gets an error answer: `status`, and `detail` says what is wrong and what would be right."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.status, self.detail, self.headers = status, detail, headers
        super().__init__(f"{status} {detail}")

    @property
    def title(self) -> str:
        """The phrase of the status (RFC 9457 §4.2.1: titles of `about:blank` are HTTP's)."""
        # RFC 9110 §15.5.14; older Pythons know the older phrase
        return "Content Too Large" if self.status == 413 else HTTPStatus(self.status).phrase


class StoreDown(CacheError):
    """Redis does not serve: away, slow, loading, read-only, full, or it refuses the password.

    `cause` is one short phrase for people and probes; it holds no address and no secret.
    """

    def __init__(self, cause: str) -> None:
        self.cause = cause
        super().__init__(f"redis does not serve: {cause}")
