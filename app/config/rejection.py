"""A configuration that is not in force because of its faults."""

from dataclasses import dataclass

__all__ = ["Rejection"]


@dataclass(frozen=True, slots=True)
class Rejection:
    """`source`: the file's path, or `sync` or `configmap` for a snapshot; `faults`: a line each."""

    at_wall_s: float
    source: str
    faults: tuple[str, ...]
