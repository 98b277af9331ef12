from typing import Any, cast

from app.admin.pages import Page
from app.foundation.serving.server import Config
from app.gateway.ports import Port
from app.gateway.public_port import ClientProtocol
from app.gateway.servers import Pages, Servers
from tests.fakes.admin_view import FakeView
from tests.fakes.client import RawClient
from tests.fakes.gateway_parts import GatewayParts


def no_socket(**_: Any) -> Any:
    raise AssertionError("nobody asked for a WebSocket")


def servers_of(parts: GatewayParts) -> Servers:
    return Servers(parts.settings, Pages(cast(Any, FakeView()), Page(), no_socket), parts.tasks)


async def test_both_ports_are_served_until_the_stop(tmp_path):
    parts = GatewayParts(tmp_path)
    servers = servers_of(parts)
    public, admin = Port("127.0.0.1", 0, "PORT"), Port("127.0.0.1", 0, "ADMIN_PORT")
    assert servers.public_listeners == []
    protocol = ClientProtocol(parts.context, servers.own_pages(), parts.context.own_entrance, None)
    await servers.serve_public(public.open(), protocol)
    await servers.serve_admin(admin.open())
    assert len(servers.public_listeners) == 1
    async with RawClient(admin.number) as client:
        assert (await client.request("GET", "/livez")).status == 200
        assert (await client.request("GET", "/v1/breakers")).status == 200
    async with RawClient(public.number) as client:
        assert (await client.request("GET", "/")).status == 502  # the upstream's port is closed
    await servers.stop()
    await parts.close()


async def test_a_viewers_socket_knows_by_which_port_it_came(tmp_path, monkeypatch):
    parts = GatewayParts(tmp_path)
    pages = Pages(cast(Any, FakeView()), Page(), lambda *, is_admin: is_admin)
    servers = Servers(parts.settings, pages, parts.tasks)
    of_public: list[Config] = []
    monkeypatch.setattr("app.gateway.servers.OwnPages", of_public.append)
    servers.own_pages()
    by_admin = [cast(Any, config.ws_protocol_class)() for config in (*of_public, servers._admin_config())]
    assert by_admin == [False, True]
    await parts.close()


async def test_a_stop_before_the_start_ends_nothing(tmp_path):
    parts = GatewayParts(tmp_path)
    servers = servers_of(parts)
    await servers.stop()
    assert servers.public_listeners == []
    assert parts.faults == []
    await parts.close()
