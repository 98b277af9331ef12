import asyncio
from typing import cast

from app.foundation.serving.bounds import Bounds, HttpState
from app.foundation.serving.state_timer import StateTimer
from tests.fakes.manual_loop import ManualLoop

BOUNDS = Bounds(head_bytes=100, header_timeout_s=10.0, idle_timeout_s=75.0, connections=2)


class Followed:
    def __init__(self) -> None:
        self.loop, self.over = ManualLoop(), 0
        self.timer = StateTimer(BOUNDS, cast(asyncio.AbstractEventLoop, self.loop), self._note)

    def _note(self) -> None:
        self.over += 1


async def test_a_state_that_lasts_too_long_is_noticed_once():
    followed = Followed()
    followed.timer.follow(HttpState.HEAD, 1)
    assert followed.loop.waiting == [10.0]
    followed.loop.fire()
    assert followed.over == 1
    followed.timer.stop()


async def test_news_of_the_same_state_leaves_its_timer():
    followed = Followed()
    for _ in range(2):
        followed.timer.follow(HttpState.HEAD, 1)
    assert followed.loop.waiting == [10.0]
    followed.timer.follow(HttpState.HEAD, 2)
    assert followed.loop.waiting == [10.0]
    assert len(followed.loop.timers) == 2


async def test_a_response_has_no_time_and_a_restart_gives_it_again():
    followed = Followed()
    followed.timer.restart()
    followed.timer.follow(HttpState.BODY, 1)
    followed.timer.restart()
    assert followed.loop.waiting == [10.0]
    followed.timer.follow(HttpState.RESPONSE, 1)
    assert followed.loop.waiting == []
