import asyncio
import socket

import pytest

from app.gateway.link import end as module
from app.gateway.link.end import CallFault, LinkEnd, LinkLost, open_link
from tests.fakes.exchange import within


class Pair:
    """Both ends over a real socket pair, and what they reported."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.bugs: list[BaseException] = []
        self.parent = LinkEnd("worker", lambda why: self.lost.append(f"parent: {why}"), self.bugs.append)
        self.worker = LinkEnd("parent", lambda why: self.lost.append(f"worker: {why}"), self.bugs.append)

    async def open(self) -> "Pair":
        one, other = self.sockets = socket.socketpair()
        await open_link(self.parent, one)
        await open_link(self.worker, other)
        return self


@pytest.fixture
async def pair():
    opened = await Pair().open()
    yield opened
    opened.parent.close()
    opened.worker.close()
    await asyncio.sleep(0)


async def until(condition) -> None:
    async with within("it to come true"):
        while not condition():  # noqa: ASYNC110 - any turn of the loop may bring it
            await asyncio.sleep(0)


async def test_a_call_is_replied_to_and_notices_keep_their_order(pair):
    taken: list[object] = []
    pair.worker.on_notice("count", lambda message: taken.append((message.body, message.blob)))

    async def double(message):
        return {"twice": message.body * 2, "seen": len(taken)}

    pair.worker.on_call("double", double)
    pair.parent.notify("count", 1, b"\xff")
    pair.parent.notify("count", 2)
    assert await pair.parent.call("double", 21) == {"twice": 42, "seen": 2}
    assert taken == [(1, b"\xff"), (2, b"")]
    assert (pair.parent.sent, pair.worker.received) == (3, 3)
    assert pair.worker.sent == pair.parent.received == 1


async def test_both_ends_call_at_the_same_time(pair):
    async def name(message):
        return message.body

    pair.worker.on_call("who", name)
    pair.parent.on_call("who", name)
    calls = (pair.parent.call("who", "parent"), pair.worker.call("who", "worker"))
    assert list(await asyncio.gather(*calls)) == ["parent", "worker"]


async def test_a_fault_is_raised_where_the_call_was_made(pair):
    async def wrong(_message):
        raise CallFault("routes[0] is wrong")

    async def broken(_message):
        raise ZeroDivisionError

    pair.worker.on_call("apply", wrong)
    pair.worker.on_call("break", broken)
    with pytest.raises(CallFault, match=r"routes\[0\] is wrong"):
        await pair.parent.call("apply")
    with pytest.raises(CallFault, match="internal error"):
        await pair.parent.call("break")
    with pytest.raises(CallFault, match="nobody takes 'fly'"):
        await pair.parent.call("fly")
    assert [type(bug) for bug in pair.bugs] == [ZeroDivisionError]


async def test_a_fault_of_ours_in_a_notice_is_reported_and_the_link_goes_on(pair, caplog):
    taken: list[object] = []
    pair.worker.on_notice("bad", lambda _: 1 / 0)
    pair.worker.on_notice("good", taken.append)
    pair.parent.notify("bad")
    pair.parent.notify("strange")
    pair.parent.notify("good")
    await until(lambda: taken)
    assert [type(bug) for bug in pair.bugs] == [ZeroDivisionError]
    assert "the parent sent 'strange', which nobody here takes" in caplog.text


async def test_the_death_of_an_end_fails_what_waits_and_is_reported_once(pair):
    async def never(_message):
        await asyncio.Event().wait()

    pair.worker.on_call("wait", never)
    waiting = asyncio.ensure_future(pair.parent.call("wait"))
    await until(lambda: pair.worker.received)
    pair.worker.close()
    with pytest.raises(LinkLost, match="the link to the worker is over: the other end has ended"):
        await waiting
    assert pair.lost == ["parent: the other end has ended"]  # who closes it knows
    with pytest.raises(LinkLost, match="is closed"):
        await pair.parent.call("wait")
    assert pair.parent.is_full
    assert not pair.parent.is_open
    pair.parent.notify("count")
    assert pair.parent.sent == 1


async def test_garbage_ends_the_link(pair):
    assert pair.parent._transport is not None
    pair.parent._transport.write(b"\xff\xff\xff\xff")
    await until(lambda: len(pair.lost) == 2)
    assert pair.lost[0].startswith("worker: a message of 4294967295 bytes")


async def test_an_end_that_does_not_read_is_given_up(pair, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 1 << 20)
    pair.worker._transport.pause_reading()
    assert not pair.parent.is_full
    for _ in range(20):
        pair.parent.notify("count", blob=b"x" * (1 << 18))
    assert pair.parent.is_full
    assert pair.lost == ["parent: the worker reads nothing"]


async def test_a_reply_that_nobody_waits_for_any_more_is_dropped(pair):
    release = asyncio.Event()

    async def slow(_message):
        await release.wait()

    pair.worker.on_call("slow", slow)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await pair.parent.call("slow")
    await until(lambda: pair.worker.received)
    release.set()
    await until(lambda: pair.parent.received)
    assert pair.lost == []
