"""What the admin API and the monitor show: an object of JSON."""

from typing import TypeAlias

__all__ = ["Shape"]

Shape: TypeAlias = dict[str, object]
