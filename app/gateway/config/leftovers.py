"""The memory that changes of the configuration leave free amid the heap, given back once they come to rest."""

from collections.abc import Callable

from app.foundation.allocator import give_back

__all__ = ["Leftovers"]


class Leftovers:
    """A change makes what it replaces free, between things that stay: some MiB after hundreds of changes of thousands
    of routes. The next change uses that again, so it stays until a second passes without one."""

    __slots__ = ("_give_back", "_has_changed", "_is_due")

    def __init__(self, give_back: Callable[[], object] = give_back) -> None:
        self._give_back = give_back
        self._has_changed = self._is_due = False

    def note(self) -> None:
        """The configuration changed."""
        self._has_changed = True

    def tick(self, _now_s: float) -> None:
        """To be called every second."""
        if self._has_changed:
            self._has_changed, self._is_due = False, True
        elif self._is_due:
            self._is_due = False
            self._give_back()
