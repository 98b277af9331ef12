"""`VIA=off`: the gateway does not name itself to upstreams."""

import pytest

from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream


@pytest.mark.parametrize(
    ("variables", "brought", "sent"),
    [
        ({}, [], "1.1 tidegate"),
        ({}, [("Via", "1.1 before")], "1.1 before, 1.1 tidegate"),
        ({"VIA": "off"}, [], ""),
        ({"VIA": "off"}, [("Via", "1.1 before")], "1.1 before"),
    ],
)
async def test_via_is_sent_unless_it_is_off(variables, brought, sent):
    async with RecorderUpstream() as upstream, running_gateway(upstream.url, **variables) as gateway:
        async with RawClient(gateway.port) as client:
            assert (await client.request("GET", "/", brought)).status == 200
        assert upstream.requests[0].get("via") == sent
