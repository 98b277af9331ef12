import asyncio
import socket
import ssl
import threading

import pytest

from app.config import model
from app.config.model import Endpoint, UpstreamName, UpstreamTls
from app.dataplane.upstream.connector import client_context
from app.dataplane.upstream.http1_connection import UpstreamConnection
from app.dataplane.upstream.pool import ConnectionPool
from app.dataplane.upstream.resolver import Resolver
from app.dataplane.upstream.upstream import Upstream, is_ip
from app.foundation.reasons import Reason, Rejection
from tests.fakes.exchange import DEADLINE_S
from tests.fakes.upstream_side import FakeTransport


class Names:
    """What the system's resolver knows: addresses, or why there are none."""

    def __init__(self) -> None:
        self.known: dict[str, list[str] | OSError] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, name, port, *_, **__):
        host = name.decode()
        self.asked.append(host)
        found = self.known.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, OSError):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]


@pytest.fixture
def names(monkeypatch) -> Names:
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    return made


@pytest.fixture
def missing() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def resolver():
    before = set(threading.enumerate())
    made = Resolver(asyncio.get_running_loop(), most_threads=4)
    yield made
    made.stop()
    for thread in set(threading.enumerate()) - before:
        if thread.name == "tidegate-resolver":  # not one that another test left waiting for names
            await asyncio.to_thread(thread.join, DEADLINE_S)


@pytest.fixture
def make(missing, resolver):
    def made(*endpoints: str, tls: UpstreamTls | None = None) -> Upstream:
        parts = [each.rpartition(":") for each in endpoints]
        of_model = tuple(Endpoint(host, int(port), tls is not None) for host, _, port in parts)
        upstream = model.Upstream(UpstreamName("main"), of_model, tls=tls or UpstreamTls())
        loop = asyncio.get_running_loop()
        return Upstream(upstream, loop, lambda name, why: missing.append((name, why)), resolver)

    return made


def labels(upstream: Upstream) -> list[str]:
    return [pool.label for pool in upstream.addresses]


async def test_addresses_are_known_without_asking(make, names):
    upstream = make("10.0.0.1:80", "fd00::1:81")
    assert labels(upstream) == ["10.0.0.1:80", "[fd00::1]:81"]
    assert not upstream.has_names
    await upstream.resolve()
    assert names.asked == []


async def test_a_name_has_no_address_until_it_is_resolved(make, names):
    names.known["a.example"] = ["10.0.0.1", "10.0.0.2", "10.0.0.1"]
    upstream = make("a.example:80", "10.0.0.9:80")
    assert upstream.has_names
    assert labels(upstream) == ["10.0.0.9:80"]
    await upstream.resolve()
    assert labels(upstream) == ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.9:80"]
    assert [state.endpoint.host for state in upstream.states] == ["a.example", "a.example", "10.0.0.9"]


async def test_who_waits_for_names_shares_one_question(make, names):
    names.known["a.example"] = ["10.0.0.1"]
    upstream = make("a.example:80")
    await asyncio.gather(upstream.resolve(), upstream.resolve())
    assert names.asked == ["a.example"]
    await upstream.resolve()
    assert names.asked == ["a.example"] * 2


async def test_one_who_gives_up_waiting_leaves_the_question_to_the_others(make, names):
    names.known["a.example"] = ["10.0.0.1"]
    upstream = make("a.example:80")
    first, second = (asyncio.ensure_future(upstream.resolve()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert labels(upstream) == ["10.0.0.1:80"]


class SlowNames(Names):
    """Gives no answer for `slow.example` before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def getaddrinfo(self, name, port, *_, **__):
        if name == b"slow.example":
            self.gate.wait(DEADLINE_S)
        return super().getaddrinfo(name, port)


async def test_the_first_address_is_not_waited_for_behind_a_name_without_an_answer(make, monkeypatch):
    names = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    names.known = {"a.example": ["10.0.0.1"], "slow.example": ["10.0.0.2"]}
    upstream = make("slow.example:80", "a.example:80")
    await upstream.first_address()
    assert labels(upstream) == ["10.0.0.1:80"]
    names.gate.set()
    await upstream.resolve()
    assert labels(upstream) == ["10.0.0.2:80", "10.0.0.1:80"]


async def test_a_first_address_that_no_name_has_is_not_waited_for(make, names, missing):
    upstream = make("a.example:80", "b.example:80")
    await upstream.first_address()
    assert (labels(upstream), len(missing)) == ([], 2)
    known = make("10.0.0.1:80")
    await known.first_address()
    assert labels(known) == ["10.0.0.1:80"]


async def test_a_name_without_an_address_is_told_and_the_others_are_used(make, names, missing):
    names.known["b.example"] = ["10.0.0.2"]
    upstream = make("a.example:80", "b.example:80")
    await upstream.resolve()
    assert missing == [("main", "a.example: Name or service not known")]
    assert labels(upstream) == ["10.0.0.2:80"]


async def test_what_was_known_stays_in_use_when_dns_fails(make, names, missing):
    names.known["a.example"] = ["10.0.0.1"]
    upstream = make("a.example:80")
    await upstream.resolve()
    (pool,) = upstream.addresses
    names.known["a.example"] = OSError("no answer")
    await upstream.resolve()
    assert missing == [("main", "a.example: no answer")]
    assert upstream.addresses == [pool]


async def test_an_address_that_stays_keeps_its_pool_and_one_that_goes_is_closed(make, names):
    names.known["a.example"] = ["10.0.0.1", "10.0.0.2"]
    upstream = make("a.example:80")
    await upstream.resolve()
    gone, stays = upstream.addresses
    names.known["a.example"] = ["10.0.0.3", "10.0.0.2"]
    await upstream.resolve()
    assert labels(upstream) == ["10.0.0.3:80", "10.0.0.2:80"]
    assert upstream.addresses[1] is stays
    assert (gone.closed, stays.closed) == (True, False)


async def test_a_closed_upstream_closes_what_is_found_later(make, names):
    """A request of an earlier table may still wait for the name."""
    names.known["a.example"] = ["10.0.0.1"]
    upstream = make("a.example:80")
    upstream.close()
    await upstream.resolve()
    assert [pool.closed for pool in upstream.addresses] == [True]


async def test_requests_go_round(make):
    upstream = make("10.0.0.1:80", "10.0.0.2:80")
    chosen = [upstream.choose(0.0, None) for _ in range(4)]
    assert chosen[0] is chosen[2] is not chosen[1]
    assert chosen[1] is chosen[3]


async def test_a_retry_goes_elsewhere_where_there_is_an_elsewhere(make):
    upstream = make("10.0.0.1:80", "10.0.0.2:80")
    first, second = upstream.addresses
    assert {upstream.choose(0.0, first) for _ in range(4)} == {second}
    only = make("10.0.0.1:80")
    assert only.choose(0.0, only.addresses[0]) is only.addresses[0]
    assert upstream.choose(0.0, only.addresses[0]) in (first, second), (
        "an address that is gone is no hindrance"
    )


async def test_without_any_address_nothing_is_chosen(make):
    upstream = make("a.example:80")
    assert upstream.choose(0.0, None) is None
    assert upstream.choose_other(0.0, []) is None


async def test_another_address_is_one_that_did_not_refuse(make):
    upstream = make("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
    first, second, third = upstream.addresses
    assert upstream.choose_other(0.0, [first, third]) is second
    assert upstream.choose_other(0.0, [first, second, third]) is None


def idle_connection(pool: ConnectionPool, since_s: float) -> UpstreamConnection:
    connection = UpstreamConnection(pool)
    connection.connection_made(FakeTransport())
    connection.counted = True
    pool.open += 1
    pool.begin()
    pool.release(connection, since_s)
    return connection


async def test_connections_are_counted_over_all_addresses(make):
    upstream = make("10.0.0.1:80", "10.0.0.2:80")
    first, second = upstream.addresses
    for _ in range(2):
        idle_connection(first, 0.0)
    first.open += 1
    second.open += 1
    assert list(upstream.connections()) == [("main", "idle", 2), ("main", "active", 2)]


async def test_stale_connections_are_closed_at_every_address(make):
    upstream = make("10.0.0.1:80", "10.0.0.2:80")
    old = [idle_connection(pool, 0.0) for pool in upstream.addresses]
    young = idle_connection(upstream.addresses[0], 900.0)
    upstream.close_stale(901.0)
    assert [each.transport.is_closing() for each in (*old, young)] == [True, True, False]
    assert [pool.idle for pool in upstream.addresses] == [1, 0]


async def test_a_closed_upstream_closes_its_idle_connections(make):
    upstream = make("10.0.0.1:80")
    connection = idle_connection(upstream.addresses[0], 0.0)
    upstream.close()
    assert connection.transport.is_closing()
    assert upstream.addresses[0].closed


async def test_tls_is_only_set_up_where_an_endpoint_speaks_it(make):
    assert make("10.0.0.1:80").connector.tls is None
    context = make("10.0.0.1:80", tls=UpstreamTls()).connector.tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_ca_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        client_context(UpstreamTls(ca_file=str(tmp_path / "none.pem")))


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("10.0.0.1", True),
        ("::1", True),
        ("fd00::1", True),
        ("a.example", False),
        ("10.1", False),
        ("", False),
    ],
)
def test_an_address_is_told_from_a_name(host, is_one):
    assert is_ip(host) is is_one


# --- discovered endpoints ------------------------------------------------------------------------------------

ONE, TWO, SIX = ("10.0.0.1", 80), ("10.0.0.2", 80), ("fd00::1", 80)


@pytest.fixture
def discovered(missing, resolver):
    def made(**more: object) -> Upstream:
        upstream = model.Upstream(UpstreamName("main"), (), **{"is_discovered": True, **more})  # type: ignore[arg-type]
        return Upstream(
            upstream, asyncio.get_running_loop(), lambda name, why: missing.append((name, why)), resolver
        )

    return made


async def test_endpoints_that_stay_keep_what_is_known_of_them(discovered):
    upstream = discovered()
    upstream.set_endpoints([ONE, TWO])
    kept = upstream.addresses[1]
    upstream.set_endpoints([TWO, SIX, TWO])
    assert labels(upstream) == ["10.0.0.2:80", "[fd00::1]:80"]
    assert upstream.addresses[0] is kept
    assert [state.endpoint.host for state in upstream.states] == ["10.0.0.2", "fd00::1"]


async def test_endpoints_that_go_end_with_their_exchanges_and_get_no_new_ones(discovered):
    upstream = discovered()
    upstream.set_endpoints([ONE, TWO])
    gone, kept = upstream.addresses
    upstream.set_endpoints([TWO])
    assert (gone.closed, kept.closed) == (True, False)
    assert {upstream.choose(0.0, gone) for _ in range(4)} == {kept}
    assert upstream.choose_other(0.0, [kept]) is None


async def test_the_same_endpoints_change_nothing(discovered):
    upstream = discovered()
    upstream.set_endpoints([ONE, TWO])
    before = upstream.addresses
    upstream.set_endpoints([ONE, TWO])
    assert upstream.addresses is before


async def test_endpoints_that_come_back_begin_anew(discovered):
    upstream = discovered()
    upstream.set_endpoints([ONE])
    (gone,) = upstream.addresses
    upstream.set_endpoints([])
    assert upstream.choose(0.0, None) is None
    upstream.set_endpoints([ONE])
    assert (upstream.addresses == [gone], upstream.addresses[0].closed) == (False, False)


async def test_endpoints_of_an_upstream_that_is_over_keep_nothing(discovered):
    upstream = discovered()
    upstream.close()
    upstream.set_endpoints([ONE])
    assert upstream.addresses[0].closed


async def test_discovered_endpoints_speak_tls_where_the_upstream_says_so(discovered):
    upstream = discovered(is_discovered_tls=True, tls=UpstreamTls(server_name="orders.example"))
    upstream.set_endpoints([ONE])
    assert (upstream.addresses[0].tls, upstream.connector.server_name) == (True, "orders.example")
    assert upstream.connector.tls is not None


async def test_what_a_request_gets_where_there_is_no_endpoint(discovered, make):
    none, gone = discovered(), discovered(is_discovered=False, missing="Service shop/main does not exist")
    assert none.rejection == Rejection(Reason.NO_ENDPOINTS, "no endpoint of main is ready", 1)
    assert gone.rejection == Rejection(Reason.NO_BACKEND, "Service shop/main does not exist")
    assert make("a.example:80").rejection is None
