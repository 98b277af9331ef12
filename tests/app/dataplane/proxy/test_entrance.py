from app.dataplane.proxy.entrance import OWN_PORT
from tests.fakes.proxy import context_of


async def test_connections_of_a_listeners_port_are_told_from_all_others():
    context = context_of("")
    entrance, client, tunnel = context.entrance(20001), object(), object()
    context.own_entrance.join("own")
    entrance.join(client)
    entrance.join_tunnel(tunnel)
    assert (entrance.open_clients, entrance.tunnels) == ({client}, {tunnel})
    assert (context.open_clients, context.tunnels) == ({"own", client}, {tunnel})
    assert entrance.clients_of_all == 2
    entrance.leave(client)
    entrance.leave_tunnel(tunnel)
    assert not entrance.open_clients | entrance.tunnels | context.tunnels
    assert context.open_clients == {"own"}


async def test_the_own_port_has_them_all():
    context = context_of("")
    own = context.own_entrance
    assert (own.port, own.is_own) == (OWN_PORT, True)
    assert own.open_clients is context.open_clients
    assert own.tunnels is context.tunnels
    assert not context.entrance(20001).is_own
