"""Tidegate's gateway: routes, keys, limits and circuit breakers in front of services."""
