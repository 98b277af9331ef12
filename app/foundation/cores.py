"""How many cores the process may use: those it may run on, and the quota of its control group, the strictest ancestor.

Linux kernel documentation: cgroup-v2 (`cpu.max`), sched-bwc (`cpu.cfs_quota_us`, `cpu.cfs_period_us`).
"""

import os
from pathlib import Path

from app.foundation.control_group import group_files

__all__ = ["usable_cores"]


def usable_cores(root: Path = Path("/")) -> int:
    """Whole cores, at least 1: of a quota of 2.5, two. `root`: where /proc and /sys stand."""
    quotas = [
        quota
        for file in group_files(root, "cpu.max", "cpu", "cpu.cfs_quota_us")
        if (quota := _quota_cores(file)) is not None
    ]
    return max(1, int(min([*quotas, float(_schedulable())])))


def _schedulable() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - systems without affinities


def _quota_cores(file: Path) -> float | None:
    """None without a quota."""
    try:
        words = file.read_text().split()
        if file.name != "cpu.max":
            words += file.with_name("cpu.cfs_period_us").read_text().split()
        quota_us, period_us = map(int, words)
    except (OSError, ValueError):  # `max` is no number
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None
