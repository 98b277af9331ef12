import asyncio
import logging

from app.config.model import Endpoint, UpstreamName
from app.config.model import Upstream as Model
from app.dataplane.upstream.upstream import Upstream
from app.gateway.reachability import Reachability
from tests.fakes.process import free_port
from tests.fakes.upstream import RecorderUpstream


def upstream(name, *endpoints):
    model = Model(UpstreamName(name), tuple(Endpoint(host, port) for host, port in endpoints))
    return Upstream(model, asyncio.get_running_loop(), lambda *_: None)


async def told(caplog, *upstreams):
    with caplog.at_level(logging.WARNING, "tidegate"):
        await Reachability().look(upstreams)
    return caplog.messages


async def test_an_upstream_without_an_answering_endpoint_is_one_line_with_every_cause(caplog):
    one, two = free_port(), free_port()
    (line,) = await told(caplog, upstream("away", ("127.0.0.1", one), ("127.0.0.1", two)))
    assert line.startswith("upstream away: no endpoint is reachable yet (")
    assert f"127.0.0.1:{one}: Connection refused; 127.0.0.1:{two}: Connection refused" in line
    assert "check that it runs" in line


async def test_one_answering_endpoint_is_enough(caplog):
    async with RecorderUpstream() as up:
        assert await told(caplog, upstream("one", ("127.0.0.1", free_port()), ("127.0.0.1", up.port))) == []


async def test_a_name_is_resolved_first(caplog):
    async with RecorderUpstream() as up:
        assert await told(caplog, upstream("named", ("localhost", up.port))) == []


async def test_a_name_without_address_is_told(caplog):
    (line,) = await told(caplog, upstream("nowhere", ("nowhere.invalid", 80)))
    assert "nowhere.invalid: no address is known" in line


async def test_why_is_known_until_an_edit_replaces_the_upstream():
    port = free_port()
    away, reachability = upstream("away", ("127.0.0.1", port)), Reachability()
    assert reachability.why([away]) == {}
    async with RecorderUpstream() as up:
        there = upstream("there", ("127.0.0.1", up.port))
        await reachability.look([away, there])
    assert reachability.why([away, there]) == {"away": f"127.0.0.1:{port}: Connection refused"}
    assert reachability.why([upstream("away", ("127.0.0.1", port))]) == {}
