"""Seen through `RedisServers.announcements` in test_servers.py; here what only the caller of `listen` sees."""

from app.foundation.redis.connections import make_client
from app.foundation.redis.subscription import listen
from app.foundation.redis.url import parse_redis_url
from tests.fakes.valkey import Valkey


async def test_silence_gives_the_caller_a_look_at_whether_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr("app.foundation.redis.subscription.LISTEN_TIMEOUT_S", 0.01)
    with Valkey(tmp_path) as valkey:
        address = parse_redis_url(valkey.url)
        client = make_client(address, address.hosts[0])
        heard = listen(client, ["one"])
        first = await anext(heard)
        while first is False:
            first = await anext(heard)
        assert first is None
        assert await anext(heard) is False
        await heard.aclose()
        await client.aclose()
