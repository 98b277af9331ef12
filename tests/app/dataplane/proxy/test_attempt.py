"""One attempt without a socket: how it gets a connection, what it sends, and how it is given back once."""

import pytest

from app.dataplane.codec.body import HIGH_WATER_BYTES, RequestBody
from app.dataplane.proxy.attempt import Attempt
from app.dataplane.proxy.state import ExchangeState
from app.foundation.reasons import Reason, Rejection
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import settled
from tests.fakes.requests import request_of
from tests.fakes.waiting import until


class Owner:
    """What the attempt says to its exchange, in order."""

    head_only = False
    upgrade_key: bytes | None = None

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


class Tried:
    """One attempt with what stands around it."""

    def __init__(self, clock, *, length_bytes=0, text=None):
        self.known = Proxy(clock, text or gateway_text("timeout: {connect: 5s}"))
        self.owner = Owner()
        self.body = RequestBody(length_bytes)
        self.state = ExchangeState(request_of("/p"), b"id", clock())
        self.target = self.state.target = self.known.route.targets[0]

    def attempt(self):
        return Attempt(self.owner, self.known.context, self.state, self.body, self.known.route, self.target)

    def send(self, attempt, data):
        self.body.add(data)
        attempt.send_body(data)

    async def started(self, *, fresh=False):
        attempt = self.attempt()
        attempt.start(self.known.pools[0], fresh=fresh)
        await settled()
        return attempt

    @property
    def transports(self):
        return self.known.loop.transports

    @property
    def in_flight(self):
        return self.known.pools[0].state.in_flight


async def test_it_connects_and_sends_the_head(clock):
    tried = Tried(clock)
    attempt = await tried.started()
    assert tried.transports[0].take().startswith(b"GET /p HTTP/1.1\r\nhost: h\r\n")
    assert (attempt.reused, attempt.response_begun, tried.in_flight) == (False, False, 1)
    assert (tried.state.endpoint, tried.state.attempts) == (tried.known.pools[0], 1)
    assert tried.owner.calls == []


async def test_an_idle_connection_is_taken_unless_a_fresh_one_is_wanted(clock):
    tried = Tried(clock)
    (await tried.started()).release(True, clock())
    assert (await tried.started()).reused
    assert len(tried.transports) == 1
    assert not (await tried.started(fresh=True)).reused
    assert len(tried.transports) == 2


async def test_what_came_of_the_body_goes_with_the_head_and_the_rest_after_it(clock):
    tried = Tried(clock, length_bytes=6)
    attempt = tried.attempt()
    attempt.start(tried.known.pools[0], fresh=False)
    tried.send(attempt, b"abc")  # not connected yet
    await settled()
    assert tried.transports[0].take().endswith(b"content-length: 6\r\n\r\nabc")
    tried.send(attempt, b"def")
    assert tried.transports[0].take() == b"def"
    assert (tried.body.sent, tried.body.replay) == (True, [b"abc", b"def"])


@pytest.mark.parametrize("connected", [True, False])
async def test_a_large_body_is_not_kept_once_it_is_sent_and_waits_while_it_cannot_be(clock, connected):
    tried = Tried(clock, length_bytes=2 * HIGH_WATER_BYTES)
    attempt = tried.attempt()
    attempt.start(tried.known.pools[0], fresh=False)
    if connected:
        await settled()
    tried.send(attempt, b"x" * (HIGH_WATER_BYTES + 1))
    assert tried.body.replayable is not connected
    assert (("pause_upload",) in tried.owner.calls) is not connected
    await settled()
    assert not tried.body.replayable
    assert tried.owner.calls[-1] == ("resume_upload",)


async def test_the_response_is_read_or_not_as_the_client_takes_it(clock):
    tried = Tried(clock)
    attempt = tried.attempt()
    attempt.pause_reading()  # nothing is there yet
    attempt.resume_reading()
    attempt.start(tried.known.pools[0], fresh=False)
    await settled()
    transport = tried.transports[0]
    attempt.pause_reading()
    assert not transport.reading
    attempt.resume_reading()
    assert transport.reading
    transport.close()
    attempt.pause_reading()
    attempt.resume_reading()


async def test_a_byte_of_the_response_shows(clock):
    tried = Tried(clock)
    attempt = await tried.started()
    tried.transports[0].protocol.data_received(b"H")
    assert attempt.response_begun


@pytest.mark.parametrize(
    ("arrange", "detail"),
    [
        (lambda loop: loop.refuse.add(9), "one at 127.0.0.1:9: Connection refused"),
        (lambda loop: loop.hang.add(9), "one at 127.0.0.1:9: no connection within 0.001 s"),
    ],
)
async def test_a_connection_that_cannot_be_made_is_reported(clock, arrange, detail):
    tried = Tried(clock, text=gateway_text("timeout: {connect: 1ms}"))
    arrange(tried.known.loop)
    attempt = await tried.started()
    await until(lambda: bool(tried.owner.calls), "the failure")
    assert tried.owner.calls == [("on_upstream_failed", "upstream_connect", detail)]
    attempt.drop()
    assert tried.in_flight == 0


async def test_a_name_is_resolved_first(clock, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("192.0.2.7", 1))])
    tried = Tried(clock, text=gateway_text(endpoints=("http://svc.example:1",)))
    attempt = tried.attempt()
    attempt.start(None, fresh=False)
    assert (tried.state.endpoint, tried.state.attempts) == (None, 0)
    await until(lambda: bool(tried.transports), "the connection")
    assert tried.owner.calls[0] == ("set_deadline", clock())
    assert tried.state.attempts == 1


async def test_a_name_without_an_address_is_reported(clock, monkeypatch):
    def unknown(*_, **__):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    tried = Tried(clock, text=gateway_text(endpoints=("http://svc.example:1",)))
    tried.attempt().start(None, fresh=False)
    await until(lambda: bool(tried.owner.calls), "the failure")
    assert tried.owner.calls == [("on_upstream_failed", "upstream_connect", "no address is known for one")]
    assert tried.state.attempts == 1


async def test_an_upstream_whose_last_endpoint_has_gone_meanwhile_says_so(clock):
    tried = Tried(clock)
    tried.target.upstream.addresses.clear()
    tried.target.upstream.rejection = Rejection(Reason.NO_ENDPOINTS, "no endpoint of one is ready")
    tried.attempt().start(None, fresh=False)
    await until(lambda: bool(tried.owner.calls), "the failure")
    assert tried.owner.calls == [("on_upstream_failed", "no_endpoints", "no endpoint of one is ready")]


async def test_a_fault_of_ours_amid_connecting_is_reported(clock, monkeypatch):
    tried = Tried(clock)

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(tried.known.loop, "create_connection", broken)
    await tried.started()
    assert [name for name, *_ in tried.owner.calls] == ["failed_inside"]


# Ends


async def test_it_is_given_back_once(clock):
    tried = Tried(clock)
    attempt = await tried.started()
    attempt.release(True, clock())
    assert (tried.in_flight, tried.known.pools[0].idle, attempt.connection) == (0, 1, None)
    attempt.release(True, clock())
    attempt.drop()
    assert attempt.detach() is None
    assert (tried.in_flight, tried.known.pools[0].idle) == (0, 1)


async def test_a_connection_that_is_not_reusable_ends(clock):
    tried = Tried(clock)
    (await tried.started()).release(False, clock())
    assert tried.transports[0].aborted
    assert (tried.in_flight, tried.known.pools[0].idle) == (0, 0)


async def test_a_connection_that_has_not_taken_a_large_body_ends(clock):
    tried = Tried(clock, length_bytes=2 * HIGH_WATER_BYTES)
    attempt = await tried.started()
    tried.transports[0].stall()
    tried.send(attempt, b"x" * 2 * HIGH_WATER_BYTES)
    attempt.release(True, clock())
    assert tried.transports[0].aborted


async def test_one_that_is_connecting_is_dropped(clock):
    tried = Tried(clock)
    tried.known.loop.hang = {9}
    attempt = await tried.started()
    assert tried.in_flight == 1
    attempt.drop()
    await settled()
    assert (tried.in_flight, tried.owner.calls) == (0, [])


async def test_a_tunnel_takes_the_connection_and_its_place_in_the_pool(clock):
    tried = Tried(clock)
    attempt = await tried.started()
    connection = attempt.connection
    assert attempt.detach() == (connection, tried.known.pools[0])
    assert (connection.receiver, tried.in_flight, tried.transports[0].closing) == (None, 1, False)
