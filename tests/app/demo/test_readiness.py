import pytest

from app.demo.readiness import accepts, responds_200
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream


async def test_200_is_yes():
    async with RecorderUpstream() as up:
        assert await responds_200("127.0.0.1", up.port, "/readyz")
        assert up.requests[0].target == "/readyz"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"", b"x" * 70_000])
async def test_anything_else_is_no(answer):
    async with RecorderUpstream() as up:
        up.raw(answer, close=True)
        assert not await responds_200("127.0.0.1", up.port, "/readyz")


async def test_a_reset_is_no():
    async with RecorderUpstream() as up:
        up.reset()
        assert not await responds_200("127.0.0.1", up.port, "/readyz")


async def test_an_ipv6_address_is_written_in_brackets():
    async with RecorderUpstream(host="::1") as up:
        assert await responds_200("::1", up.port, "/")
        assert up.requests[0].get("Host") == f"[::1]:{up.port}"


async def test_a_listener_accepts_and_a_free_port_does_not():
    async with RecorderUpstream() as up:
        assert await accepts("127.0.0.1", up.port)
    port = free_port()
    assert not await accepts("127.0.0.1", port)
    assert not await responds_200("127.0.0.1", port, "/")
