"""The errors of the gateway, the operator and the cache service: one tree.

TidegateError                     never raised itself
├── ConfigFaults                  a tuple of ConfigFault: what is wrong, where, what would be right → exit 2
├── StartFault                    the machine does not allow the start (port in use, dead child) → one line, exit 1
├── StoreDown                     Redis or the cache service is unavailable
└── ClusterError                  the Kubernetes API rejected a call, or is unavailable

BadValue                          a text that cannot be read: what is wrong, what would be right; readers raise it and
                                  parsers turn it into a ConfigFault that names the place

On the data path a rejection is a value (`reasons.Rejection`), never an exception.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "BadValue",
    "ClusterError",
    "ConfigFault",
    "ConfigFaults",
    "StartFault",
    "StoreDown",
    "TidegateError",
]

_QUOTED = 60  # characters


class TidegateError(Exception):
    """Root of the tree; never raised itself."""


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One fault of a setting: `path` names the place (file, line or field, variable), `fix` what would be right."""

    path: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.fix}"


class ConfigFaults(TidegateError):
    """All faults found in one pass; never empty."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults: tuple[ConfigFault, ...] = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


class BadValue(ValueError):
    """A text that does not say what it should: `what` is wrong with it, `fix` is what would be right.

    Neither shows a text that may be secret.
    """

    def __init__(self, what: str, fix: str) -> None:
        self.what, self.fix = what, fix
        super().__init__(f"{what}; {fix}")


class StartFault(TidegateError):
    """The machine does not allow what the start needs (port in use, missing permission): one line for the user."""


class StoreDown(TidegateError):
    """`store` is unavailable; the caller applies `onStoreFailure`."""

    def __init__(self, store: str, cause: str) -> None:
        self.store, self.cause = store, cause
        super().__init__(f"{store} is unavailable: {cause}")


class ClusterError(TidegateError):
    """The Kubernetes API rejected `verb` on `what` with the HTTP status `code`; 0: it is unavailable."""

    def __init__(self, verb: str, what: str, code: int, cause: str) -> None:
        self.verb, self.what, self.code, self.cause = verb, what, code, cause
        super().__init__(f"cannot {verb} {what}: {cause}")


def quoted(text: str) -> str:
    """`text` in quotes, cut where it is long, for messages. Never for secrets."""
    return repr(text if len(text) <= _QUOTED else text[:_QUOTED] + "…")
