"""Starts children in order, each when the one before is ready; ends all when one ends or the user asks.

They end in the opposite order, so that a part ends before those it depends on.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence

from app.demo.child import Child, ChildPlan
from app.demo.output import Output
from app.foundation.clock import now_s
from app.foundation.errors import StartFault

__all__ = ["Stop", "supervise"]

GRACE_S = 10.0
"""From the request to end until SIGKILL, for all children together; each gets at least `_LEAST_GRACE_S`."""

_LEAST_GRACE_S = 1.0
_READY_CALL_S = 1.0
_READY_PAUSE_S = 0.05
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
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
    plans: Sequence[ChildPlan],
    announce: Callable[[], None],
    output: Output,
    stop: Stop,
    grace_s: float = GRACE_S,
) -> None:
    """Runs until SIGINT, SIGTERM, SIGHUP or `stop.end`; `announce` is called once when all are ready.

    Raises StartFault when a child cannot be started, is not ready in time or ends. No child is left
    however it ends.
    """
    children: list[Child] = []
    with stop.listening():
        try:
            for plan in plans:
                children.append(await _started(plan, output))
                if await _ready(children, stop):
                    children[-1].became_ready()
            if not stop.end.is_set():
                announce()
            await _until_end(children, stop, None)
        finally:
            await _end_all(children, stop, grace_s)


async def _started(plan: ChildPlan, output: Output) -> Child:
    try:
        return await Child.start(plan, output.write, output.look(plan.name))
    except OSError as error:
        raise StartFault(f"{plan.name} cannot be started ({error.strerror}): {plan.argv[0]}") from error


async def _ready(children: Sequence[Child], stop: Stop) -> bool:
    """Waits for the newest child; false when the user asks to end before it is ready."""
    plan = children[-1].plan
    deadline_s = now_s() + plan.ready_within_s
    while not stop.end.is_set():
        with contextlib.suppress(TimeoutError):
            if await asyncio.wait_for(plan.ready(), _READY_CALL_S):
                return True
        await _until_end(children, stop, _READY_PAUSE_S)
        if now_s() >= deadline_s:
            children[-1].reveal()
            last = f"; its last line: {children[-1].last_line}" if children[-1].last_line else ""
            raise StartFault(f"{plan.name} is not ready after {plan.ready_within_s:g} s{last}")
    return False


async def _until_end(children: Sequence[Child], stop: Stop, timeout_s: float | None) -> None:
    """Until the user asks to end or for `timeout_s`; raises StartFault when a child ends."""
    asked = asyncio.get_running_loop().create_task(stop.end.wait())
    try:
        await asyncio.wait(
            {asked, *(child.ended for child in children)},
            timeout=timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        asked.cancel()
    dead = [child for child in children if child.ended.done()]
    if dead and not stop.end.is_set():
        raise StartFault(dead[0].ending())


async def _end_all(children: Sequence[Child], stop: Stop, grace_s: float) -> None:
    deadline_s = now_s() + grace_s
    hurry = asyncio.get_running_loop().create_task(stop.hurry.wait())
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
