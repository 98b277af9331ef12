"""How often Python looks for cycles among objects: chosen once, at start."""

import gc

__all__ = ["collect_seldom"]


def collect_seldom() -> None:
    """What start-up made lives to the end; requests and rounds leave no cycles, so the collector may look rarely.

    It looks at every object there is: with 3,000 routes that takes a third of a second, in which nothing else runs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
