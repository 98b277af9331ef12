"""A table of states: what may happen to a connection in each of them, and where that leads."""

from enum import IntEnum
from typing import Generic, TypeVar

__all__ = ["StateTable"]

StateT = TypeVar("StateT", bound=IntEnum)
EventT = TypeVar("EventT", bound=IntEnum)


class StateTable(Generic[StateT, EventT]):
    """`next`: by state and event, None where that cannot happen; who looks there before `step` saves a call."""

    def __init__(
        self,
        connection: str,
        meanings: dict[StateT, str],
        events: type[EventT],
        steps: dict[tuple[StateT, EventT], StateT],
        lost: EventT,
    ) -> None:
        """`connection`: whose states these are, as a fault says it. `meanings`: of each state, in their order.

        `lost`: the event that may happen in every state.
        """
        self._connection = connection
        self._meanings = meanings
        self._events: list[EventT] = list(events)
        self._lost = lost
        self.next: list[list[StateT | None]] = [
            [steps.get((state, event)) for event in self._events] for state in meanings
        ]

    def step(self, state: StateT, event: EventT) -> StateT:
        """The next state; raises ValueError where the table has none (a fault of ours)."""
        after = self.next[state][event]
        if after is None:
            raise ValueError(f"{event.name} cannot happen to {self._connection} in {state.name}")
        return after

    def markdown(self) -> str:
        """For the docs: each state with its meaning, and each step but the one that `lost` makes."""
        lines = ["| state | meaning | event → next state |", "|---|---|---|"]
        for state, meaning in self._meanings.items():
            steps = [
                f"`{event.name}` → {after.name}"
                for event in self._events
                if (after := self.next[state][event]) is not None and event is not self._lost
            ]
            lines.append(f"| {state.name} | {meaning} | {', '.join(steps) or '–'} |")
        return "\n".join(lines) + "\n"
