"""The certificates of listeners by name: those of the configuration's files, and those that the operator delivers.

In memory only, never logged. One that goes or becomes bad stays for those who use it: the last good one serves on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from app.foundation.key_pair import KeyPair, certificate_end_wall_s, why_unusable

__all__ = ["Certificates"]

Spread: TypeAlias = Callable[[Mapping[str, KeyPair], Collection[str]], Awaitable[None]]

LOG = logging.getLogger("tidegate.tls")


class Certificates:
    """`faults`: by name, why what was delivered last is not used. `subscribe` to hear of changes."""

    def __init__(self, spread: Spread | None = None) -> None:
        """`spread`: hands good ones, and names that go, to other processes of the gateway; None: there are none."""
        self._spread = spread
        self._of_files: Mapping[str, KeyPair] = {}
        self._delivered: dict[str, KeyPair] = {}
        self._gone: set[str] = set()
        self._used: Collection[str] = ()
        self._ends_of_files: Mapping[str, float | None] = {}
        self._ends: dict[str, float | None] = {}
        self.faults: dict[str, str] = {}
        self._subscribers: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each change of what `pair` gives."""
        self._subscribers.append(callback)

    def pair(self, name: str) -> KeyPair | None:
        """The last good one of that name; None before there was any."""
        return self._of_files.get(name) or self._delivered.get(name)

    @property
    def missing(self) -> tuple[str, ...]:
        """Of the names in use those that nothing is held for, sorted."""
        return tuple(sorted(name for name in self._used if self.pair(name) is None))

    @property
    def ends_wall_s(self) -> Mapping[str, float]:
        """When those in use end, by name, in seconds since the epoch; without those that do not say it."""
        ends = {**self._ends, **self._ends_of_files}
        return {name: end_s for name in sorted(self._used) if (end_s := ends.get(name)) is not None}

    @property
    def delivered(self) -> Mapping[str, KeyPair]:
        """All good ones of the operator."""
        return self._delivered

    def use(self, of_files: Mapping[str, KeyPair], names: Iterable[str]) -> None:
        """A configuration came into force: its files' certificates, and the names that are in use now."""
        self._used = frozenset(names)
        is_new = of_files != self._of_files
        self._of_files = of_files
        if is_new:
            self._ends_of_files = {name: certificate_end_wall_s(pair) for name, pair in of_files.items()}
        self._forget()
        if is_new:
            self._publish()

    async def take(
        self, delivered: Mapping[str, KeyPair], removed: Collection[str] = (), *, is_all: bool = False
    ) -> None:
        """What the operator says now; bad ones change nothing. `is_all`: there are no others."""
        news = {name: pair for name, pair in delivered.items() if pair != self._delivered.get(name)}
        causes, ends = await asyncio.to_thread(_read, news)  # a millisecond each
        good = {name: pair for name, pair in news.items() if causes[name] is None}
        for name in delivered:
            why = causes.get(name)
            if why is None:
                self.faults.pop(name, None)
            elif self.faults.get(name) != why:
                self.faults[name] = why
                LOG.error("certificate %s cannot be used, the last good one stays: %s", name, why)
        gone = set(self._delivered) - set(delivered) if is_all else set(removed)
        gone -= set(delivered)
        if self._spread is not None and (good or gone):
            await self._spread(good, gone)
        self._ends.update({name: ends[name] for name in good})
        self.put(good, gone, kept=delivered)

    def put(self, good: Mapping[str, KeyPair], removed: Collection[str], kept: Collection[str] = ()) -> None:
        """Take over what was found to be good. `kept`: these are not removed any more."""
        self._delivered.update(good)
        self._gone = (self._gone - set(good) - set(kept)) | set(removed)
        self._forget()
        if good:
            self._publish()

    def _forget(self) -> None:
        """Those that are gone and that nobody uses."""
        for name in [each for each in self._gone if each not in self._used]:
            self._gone.discard(name)
            self._delivered.pop(name, None)
            self._ends.pop(name, None)
            self.faults.pop(name, None)

    def _publish(self) -> None:
        for callback in self._subscribers:
            callback()


def _read(pairs: Mapping[str, KeyPair]) -> tuple[dict[str, str | None], dict[str, float | None]]:
    """By name: why it cannot be used, and when its certificate ends."""
    causes = {name: why_unusable(pair) for name, pair in pairs.items()}
    return causes, {name: certificate_end_wall_s(pair) for name, pair in pairs.items()}
