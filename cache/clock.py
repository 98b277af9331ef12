"""The only place of the cache service that asks for the time; doors read it once and hand `now_s` down."""

from time import monotonic

__all__ = ["now_s"]

now_s = monotonic
"""Seconds on the monotonic clock; dates shared between replicas are made by the Redis server instead."""
