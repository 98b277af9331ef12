"""Instants as the monitor writes them, and how many routes it shows at most."""

__all__ = ["MOST_ROUTES", "ms"]

MOST_ROUTES = 500
"""Rows of the table of routes; the first ones of the configuration."""


def ms(wall_s: float) -> int:
    """Milliseconds since 1970 (UTC)."""
    return round(wall_s * 1000)
