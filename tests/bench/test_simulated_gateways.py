from app.config.sync.snapshot import Snapshot, decode, pack, pack_delta, seal
from app.operator.kube.resources import Pod
from tests.bench.simulated_gateways import AcknowledgingGateway, Heard, head_of, simulated_gateways

LINEAGE = "0f0e0d0c-0b0a-4908-8706-050403020100"
LISTENERS = [{"name": f"shop/web/{number}", "port": 20_000 + number} for number in (1, 0)]


def snapshot(sequence: int = 7, **tables: object) -> Snapshot:
    return seal(LINEAGE, sequence, (), complete=True, tables=tables)


def test_the_head_of_a_snapshot_says_what_the_whole_of_it_does():
    routes = [
        {"name": f"r{number}", "note": f'"tables":{{"listeners":[{number}' * 9} for number in range(999)
    ]
    whole = snapshot(listeners=LISTENERS, routes=routes)
    head = head_of(pack(whole))
    assert (head.lineage, head.sequence, head.hash) == (whole.lineage, whole.sequence, whole.hash)
    assert head.tables == {"listeners": LISTENERS}


def test_a_gateway_takes_deltas_of_what_it_holds():
    routes = [{"name": f"r{number}"} for number in range(9)]
    before = snapshot(7, listeners=LISTENERS, routes=routes)
    after = snapshot(8, listeners=LISTENERS[:1], routes=[*routes[1:], {"name": "other"}])
    packed = pack_delta(after, before)
    assert packed is not None
    gateway = AcknowledgingGateway(Pod("uid-1", "edge-1", "shop", "edge"))
    assert not gateway.request().takes_deltas
    gateway.take(pack(before))
    assert gateway.request().takes_deltas
    gateway.take(packed)
    applied = gateway.request().applied
    assert applied is not None
    assert (applied.sequence, applied.hash) == (8, after.hash)
    assert gateway.ports == (20_001,)


def test_a_snapshot_without_listeners_is_read_whole():
    whole = snapshot()
    assert head_of(pack(whole)) == decode(pack(whole))


def test_a_gateway_acknowledges_what_it_was_given_with_the_ports_of_its_listeners():
    gateway = AcknowledgingGateway(Pod("uid-1", "edge-1", "shop", "edge"))
    gateway.take(pack(snapshot(7, listeners=LISTENERS)))
    gateway.take(pack(snapshot(6)))
    request = gateway.request()
    assert request.applied is not None
    assert request.applied.sequence == 7
    assert request.ports == (20_000, 20_001)


def test_a_gateway_says_when_it_was_given_something():
    gateway, taken = AcknowledgingGateway(Pod("uid-1", "edge-1", "shop", "edge")), []
    gateway.on_taken = lambda: taken.append(gateway.held)
    gateway.take(pack(snapshot(7)))
    gateway.take(pack(snapshot(8)))
    assert [held and held.sequence for held in taken] == [None, 7]


async def test_gateways_without_an_operator_are_quiet():
    async with simulated_gateways("https://127.0.0.1:9", "", {}) as simulated:
        assert await simulated.quiet(0.01) == Heard()
