"""When a peer's frames are abuse: what costs the gateway work and moves no request forward, by the second."""

from dataclasses import dataclass
from typing import Final

__all__ = ["MAX_CONTROL_FRAMES", "MAX_RESETS", "NO_FRAMES", "FrameCount", "counted"]

MAX_RESETS: Final = 200
"""Streams a second that a peer ends early, or breaks so that they are ended: the rapid reset (CVE-2023-44487)
and its reverse (CVE-2025-8671)."""
MAX_CONTROL_FRAMES: Final = 1_000
"""A second, of SETTINGS, PING, PRIORITY, PRIORITY_UPDATE, unknown kinds, empty DATA, and WINDOW_UPDATE beyond
what the data sent explains."""
WINDOW_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class FrameCount:
    """What came since `since_s`. `fault`: why it is too much, "" while it is not."""

    since_s: float
    resets: int
    control_frames: int
    fault: str = ""


NO_FRAMES: Final = FrameCount(float("-inf"), 0, 0)


def counted(before: FrameCount, resets: int, control_frames: int, now: float) -> FrameCount:
    """`before` with what has just come. A second begins with the first frame after the last second's end."""
    if now - before.since_s >= WINDOW_S:
        before = FrameCount(now, 0, 0)
    resets += before.resets
    control_frames += before.control_frames
    fault = ""
    if resets > MAX_RESETS:
        fault = f"more than {MAX_RESETS} streams reset in a second"
    elif control_frames > MAX_CONTROL_FRAMES:
        fault = f"more than {MAX_CONTROL_FRAMES:,} control frames in a second"
    return FrameCount(before.since_s, resets, control_frames, fault)
