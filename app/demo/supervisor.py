"""Starts children in order, each when the one before is ready; ends all when one ends or the user asks.

The order is turned round for the end, so that what leans on others goes first.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from app.demo.child import Child, ChildPlan
from app.foundation.clock import now_s
from app.foundation.errors import StartFault

__all__ = ["Output", "supervise"]

GRACE_S = 10.0
"""From the wish to end until SIGKILL, for all children together; each gets at least `_LEAST_GRACE_S`."""

_LEAST_GRACE_S = 1.0
_ASKING_S = 1.0
_ASK_AGAIN_S = 0.05
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Output:
    """Whole lines to stdout, at once. When its reader is gone, `gone` is called, the rest is dropped."""

    def __init__(self) -> None:
        self.gone: Callable[[], None] = lambda: None
        self._open = True

    def write(self, lines: bytes) -> None:
        if not self._open:
            return
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        except OSError:
            self._open = False
            self.gone()


class _Wishes:
    """What the user asked for: to end (first signal), to end at once (second one)."""

    def __init__(self) -> None:
        self.end, self.hurry = asyncio.Event(), asyncio.Event()

    def signalled(self) -> None:
        (self.hurry if self.end.is_set() else self.end).set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.signalled)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)


async def supervise(
    plans: Sequence[ChildPlan], announce: Callable[[], None], output: Output, grace_s: float = GRACE_S
) -> None:
    """Runs until SIGINT, SIGTERM or SIGHUP; `announce` is called once when all are ready.

    Raises StartFault when a child cannot be started, is not ready in time or ends. No child is left
    however it ends.
    """
    wishes = _Wishes()
    output.gone = wishes.end.set
    children: list[Child] = []
    width = max(len(plan.name) for plan in plans)
    with wishes.listening():
        try:
            for plan in plans:
                children.append(await _started(plan, output, f"{plan.name:<{width}} | ".encode()))
                await _ready(children, wishes)
            if not wishes.end.is_set():
                announce()
            await _until_end(children, wishes, None)
        finally:
            await _end_all(children, wishes, grace_s)


async def _started(plan: ChildPlan, output: Output, prefix: bytes) -> Child:
    try:
        return await Child.start(plan, output.write, prefix)
    except OSError as error:
        raise StartFault(f"{plan.name} cannot be started ({error.strerror}): {plan.argv[0]}") from error


async def _ready(children: Sequence[Child], wishes: _Wishes) -> None:
    """Waits for the newest child; returns early when the user wishes to end."""
    plan = children[-1].plan
    deadline_s = now_s() + plan.ready_within_s
    while not wishes.end.is_set():
        with contextlib.suppress(TimeoutError):
            if await asyncio.wait_for(plan.ready(), _ASKING_S):
                return
        await _until_end(children, wishes, _ASK_AGAIN_S)
        if now_s() >= deadline_s:
            last = f"; its last line: {children[-1].last_line}" if children[-1].last_line else ""
            raise StartFault(f"{plan.name} is not ready after {plan.ready_within_s:g} s{last}")


async def _until_end(children: Sequence[Child], wishes: _Wishes, timeout_s: float | None) -> None:
    """Until the user's wish or for `timeout_s`; raises StartFault when a child ends."""
    wish = asyncio.get_running_loop().create_task(wishes.end.wait())
    try:
        await asyncio.wait(
            {wish, *(child.ended for child in children)},
            timeout=timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        wish.cancel()
    dead = [child for child in children if child.ended.done()]
    if dead and not wishes.end.is_set():
        raise StartFault(f"{dead[0].ending()}")


async def _end_all(children: Sequence[Child], wishes: _Wishes, grace_s: float) -> None:
    deadline_s = now_s() + grace_s
    hurry = asyncio.get_running_loop().create_task(wishes.hurry.wait())
    try:
        for child in reversed(children):
            child.terminate()
            left_s = max(deadline_s - now_s(), _LEAST_GRACE_S)
            await asyncio.wait({child.ended, hurry}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            child.kill()
    finally:
        hurry.cancel()
        for child in children:
            child.kill()
        if children:
            await asyncio.wait({child.ended for child in children})
