import asyncio

import pytest

from tests.fakes.transport import FakeTransport


class Heard:
    def __init__(self):
        self.calls = []

    def pause_writing(self):
        self.calls.append("pause_writing")

    def resume_writing(self):
        self.calls.append("resume_writing")

    def connection_lost(self, error):
        self.calls.append(("lost", error))


def pair():
    heard = Heard()
    return FakeTransport(heard), heard


async def test_it_keeps_what_is_written():
    transport, _ = pair()
    transport.write(b"a")
    transport.write(b"b")
    assert (transport.take(), transport.take()) == (b"ab", b"")


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_it_tells_its_end_once_and_later(end):
    transport, heard = pair()
    getattr(transport, end)()
    getattr(transport, end)()
    assert (transport.is_closing(), heard.calls) == (True, [])
    await asyncio.sleep(0)
    assert heard.calls == [("lost", None)]
    transport.write(b"x")
    assert transport.take() == b""


async def test_a_peer_that_takes_nothing_blocks_and_delays_the_close():
    transport, heard = pair()
    transport.set_write_buffer_limits(3)
    transport.stall()
    transport.write(b"abcd")
    assert (transport.get_write_buffer_size(), heard.calls) == (4, ["pause_writing"])
    transport.close()
    await asyncio.sleep(0)
    assert heard.calls == ["pause_writing"]
    transport.drain()
    await asyncio.sleep(0)
    assert heard.calls == ["pause_writing", "resume_writing", ("lost", None)]


async def test_what_asyncio_forbids_fails_the_test():
    transport, _ = pair()
    transport.write_eof()
    with pytest.raises(AssertionError, match="after the end of the stream"):
        transport.write(b"x")
    transport.lose(OSError())
    with pytest.raises(AssertionError, match="paused after"):
        transport.pause_reading()
