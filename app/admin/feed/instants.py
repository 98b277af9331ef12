"""Instants as the monitor tells them, and how much it tells at most."""

__all__ = ["MOST_ROUTES", "ms"]

MOST_ROUTES = 500
"""Rows of the table of routes; the first ones of the configuration."""


def ms(wall_s: float) -> int:
    """Milliseconds since 1970 (UTC)."""
    return round(wall_s * 1000)
