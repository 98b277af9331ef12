import asyncio

from tests.fakes.fast_time import run_fast


def test_an_hour_of_sleep_is_an_hour_on_the_clock():
    async def play(clock):
        before_s, wall_before_s = clock.now_s(), clock.wall_s()
        await asyncio.sleep(3_600.0)
        return clock.now_s() - before_s, clock.wall_s() - wall_before_s

    assert run_fast(play) == (3_600.0, 3_600.0)
