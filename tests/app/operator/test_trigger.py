import asyncio

from app.operator.trigger import AT_MOST_S, QUIET_S, RoundTrigger
from tests.fakes.fast_time import run_fast


def test_a_round_starts_when_it_has_been_quiet_for_a_moment():
    async def play(clock):
        trigger = RoundTrigger(clock)
        trigger.request("an edit")
        return await trigger.wait(300.0), round(clock.now_s(), 3)

    assert run_fast(play) == (0.0, QUIET_S)


def test_requests_that_keep_coming_delay_a_round_only_so_long():
    async def play(clock):
        trigger = RoundTrigger(clock)

        async def edit_all_the_time():
            while True:
                trigger.request("an edit")
                await asyncio.sleep(QUIET_S / 2)

        editing = asyncio.ensure_future(edit_all_the_time())
        await asyncio.sleep(0)
        first_s = await trigger.wait(300.0)
        editing.cancel()
        return first_s, round(clock.now_s(), 3)

    assert run_fast(play) == (0.0, AT_MOST_S)


def test_requests_close_together_are_one_round():
    async def play(clock):
        trigger = RoundTrigger(clock)
        trigger.request("an edit")
        trigger.request("another")
        await trigger.wait(300.0)
        began_s = clock.now_s()
        await trigger.wait(300.0)
        return round(clock.now_s() - began_s, 1)

    assert run_fast(play) == round(300.0 + QUIET_S, 1)


def test_a_round_that_waits_for_no_quiet_starts_at_once_but_apart_from_the_last():
    async def play(clock):
        trigger, began_s = RoundTrigger(clock, quiet_s=0.0, at_most_s=0.0, apart_s=0.03), []
        for pause_s in (1.0, 0.01, 0.0, 1.0):
            await asyncio.sleep(pause_s)
            trigger.request("an edit")
            await trigger.wait(300.0)
            began_s.append(round(clock.now_s(), 3))
        return began_s

    assert run_fast(play) == [1.0, 1.03, 1.06, 2.06]


def test_a_request_may_be_about_an_earlier_change():
    async def play(clock):
        trigger = RoundTrigger(clock)
        await asyncio.sleep(10.0)
        trigger.request("the last round failed", 4.0)
        return await trigger.wait(300.0), round(clock.now_s(), 3)

    assert run_fast(play) == (4.0, 10.0)


def test_another_thread_may_ask_too():
    async def play(clock):
        trigger = RoundTrigger(clock)
        await asyncio.to_thread(trigger.request_threadsafe, "an edit")
        await trigger.wait(300.0)
        return clock.now_s()

    assert run_fast(play) < 300.0
