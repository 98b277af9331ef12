import pytest

from tests.fakes.manual_loop import Clock, ManualLoop, settled


class Met:
    def connection_made(self, transport):
        self.transport = transport


async def test_timers_run_when_the_test_says_so():
    loop = ManualLoop()
    heard: list[str] = []
    kept, cancelled = loop.call_later(3.0, heard.append, "kept"), loop.call_later(1.0, heard.append, "no")
    cancelled.cancel()
    assert (loop.waiting, heard) == ([3.0], [])
    loop.fire()
    assert (loop.waiting, heard) == ([], ["kept"])
    assert not kept.cancelled()


async def test_connections_are_made_refused_or_neither():
    loop = ManualLoop()
    loop.refuse, loop.hang = {2}, {3}
    transport, protocol = await loop.create_connection(Met, "127.0.0.1", 1)
    assert (protocol.transport, loop.transports) == (transport, [transport])
    with pytest.raises(ConnectionRefusedError):
        await loop.create_connection(Met, "127.0.0.1", 2)
    task = loop.create_task(loop.create_connection(Met, "127.0.0.1", 3))
    await settled()
    assert not task.done()
    task.cancel()
    assert loop.connected == [("127.0.0.1", 1), ("127.0.0.1", 2), ("127.0.0.1", 3)]


def test_a_clock_stands_until_it_is_moved():
    clock = Clock(5.0)
    clock.now_s += 2
    assert clock() == 7.0
