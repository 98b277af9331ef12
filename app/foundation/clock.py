"""The only place that asks for the time: doors read it once per event and hand `now_s` down."""

from time import monotonic, thread_time, time

__all__ = ["now_s", "wall_s", "work_s"]

now_s = monotonic
"""Seconds on the monotonic clock: for every decision, timer and duration."""

wall_s = time
"""Seconds since the epoch: for people, logs and dates only, never mixed with `now_s`."""

work_s = thread_time
"""Seconds that this thread has computed: what something costs, without what others take of the machine meanwhile."""
