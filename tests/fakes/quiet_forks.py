"""A forked process of the tests collects no garbage before it becomes the program that it is to be.

It would finalize objects of grpcio, whose locks other threads of the parent may hold at the fork: it would stand still
for ever, and so would uvloop, which waits for the program to begin.
"""

import gc
import os

__all__ = ["fork_without_collector"]

_was_on: list[bool] = []


def fork_without_collector() -> None:
    """From now on, in this process."""
    os.register_at_fork(before=_stop_collecting, after_in_parent=_collect_again)


def _stop_collecting() -> None:
    _was_on.append(gc.isenabled())
    gc.disable()


def _collect_again() -> None:
    if _was_on.pop():
        gc.enable()
