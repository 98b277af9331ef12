from tests.fakes.client import RawClient
from tests.fakes.gateway import running_gateway
from tests.fakes.upstream import RecorderUpstream


async def test_a_request_goes_through_and_the_connection_goes_on():
    async with RecorderUpstream() as upstream, running_gateway(upstream.url) as gateway:
        upstream.reply(200, b"one")
        upstream.reply(200, b"two")
        async with RawClient(gateway.port) as client:
            for body in (b"one", b"two"):
                await client.send(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = await client.read_response()
                assert (answer.status, answer.body) == (200, body)
