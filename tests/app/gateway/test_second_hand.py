import asyncio

import pytest

from app.gateway.second_hand import SecondHand
from app.telemetry.counts import Counts


async def test_each_second_every_act_gets_the_time_and_the_loops_lag_is_known(monkeypatch):
    now, counts = [100.0], Counts("test")
    called: list[tuple[str, float]] = []

    async def sleep(seconds: float) -> None:
        if len(called) >= 4:
            raise asyncio.CancelledError
        now[0] += seconds + 0.25

    monkeypatch.setattr("app.gateway.second_hand.asyncio.sleep", sleep)
    monkeypatch.setattr("app.gateway.second_hand.now_s", lambda: now[0])
    acts = (lambda at_s: called.append(("one", at_s)), lambda at_s: called.append(("two", at_s)))
    with pytest.raises(asyncio.CancelledError):
        await SecondHand(counts, acts).run()
    assert called == [("one", 101.25), ("two", 101.25), ("one", 102.5), ("two", 102.5)]
    assert counts.loop_lag_s == 0.25
