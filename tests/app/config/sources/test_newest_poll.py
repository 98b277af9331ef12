import asyncio

import pytest

from app.config.sources.newest_poll import NewestPoll
from app.config.sync.newest import ENDPOINTS_PATH, NOTHING_HELD, Addresses, Delta, Held, NewestRequest
from app.config.sync.newest_codec import ENDPOINTS, decode_newest_request, encode_delta
from app.foundation.errors import ConfigFaults

FULL: Delta[Addresses] = Delta(Held("boot", 3), True, {"a": ()})


class Operator:
    """Responds to the calls of one poll, in order."""

    def __init__(self, *responses: bytes | None) -> None:
        self.responses = list(responses)
        self.asked: list[NewestRequest] = []
        self.taken: list[Delta[Addresses]] = []

    async def call(self, path: str, body: bytes, _wait_s: float, _most_bytes: int) -> bytes | None:
        assert path == ENDPOINTS_PATH
        self.asked.append(decode_newest_request(body))
        return self.responses.pop(0)

    async def take(self, delta: Delta[Addresses]) -> None:
        self.taken.append(delta)

    def poll(self, held: Held = NOTHING_HELD) -> NewestPoll[Addresses]:
        made = NewestPoll(ENDPOINTS, self.take, held)
        made.wanted.set()
        return made


async def test_each_call_says_how_far_the_last_one_came():
    operator = Operator(encode_delta(ENDPOINTS, FULL), None, None)
    poll = operator.poll()
    for _ in range(3):
        await poll.poll(operator.call)
    assert [asked.held for asked in operator.asked] == [NOTHING_HELD, FULL.held, FULL.held]
    assert operator.taken == [FULL]


async def test_nothing_is_asked_for_before_it_is_wanted():
    operator = Operator(None)
    poll = NewestPoll(ENDPOINTS, operator.take)
    polling = asyncio.ensure_future(poll.poll(operator.call))
    await asyncio.sleep(0)
    assert operator.asked == []
    poll.wanted.set()
    await polling
    assert len(operator.asked) == 1


async def test_a_change_of_what_is_not_held_is_rejected_and_everything_asked_for():
    part: Delta[Addresses] = Delta(Held("another", 4), False, {})
    operator = Operator(encode_delta(ENDPOINTS, part), None)
    poll = operator.poll(Held("boot", 3))
    with pytest.raises(ConfigFaults, match="something that is not held"):
        await poll.poll(operator.call)
    assert (poll.held, operator.taken) == (NOTHING_HELD, [])


async def test_what_cannot_be_used_is_logged_and_stops_nothing(caplog):
    bad: Delta[Addresses] = Delta(Held("boot", 3), True, {"a": (("no address", 80),), "b": ()})
    operator = Operator(encode_delta(ENDPOINTS, bad))
    await operator.poll().poll(operator.call)
    assert "upstreams.a from the operator cannot be used" in caplog.text
    assert operator.taken[0].values == {"b": ()}
