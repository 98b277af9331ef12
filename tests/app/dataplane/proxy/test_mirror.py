"""Copies of one exchange's request, without a socket: what goes to the mirror, and that nobody waits for it."""

import pytest

from app.dataplane.eventloop import timer_wheel
from app.dataplane.proxy import mirror as mirroring
from tests.fakes.driven_exchange import CHUNKED, LENGTH_10, OK_HEAD, Proxy
from tests.fakes.manual_loop import settled
from tests.fakes.waiting import until

TEXT = """\
upstreams: {one: {endpoints: ["http://127.0.0.1:1"]}, two: {endpoints: ["http://127.0.0.1:2"]},
            three: {endpoints: ["http://127.0.0.1:3"]}}
routes: [{name: r, match: {path: {prefix: /}}, auth: none, upstream: one, %s}]
policies: [{name: p, spec: {targetRefs: [{kind: Gateway}], timeout: {request: %s, idle: 7s}}}]
"""
MIRROR = "mirror: [{upstream: two}]"


class Mirrored(Proxy):
    """With the transports of its upstreams by port."""

    def to(self, port):
        """What was connected to it last."""
        out = self.loop.hang | self.loop.refuse
        ports = [known for _, known in self.loop.connected if known not in out]
        made = [each for known, each in zip(ports, self.loop.transports, strict=True) if known == port]
        assert made, f"nothing was connected to {port}"
        return made[-1]

    @property
    def outcomes(self):
        return self.route.mirrors[0].counts.mirrored

    @property
    def pool(self):
        (pool,) = self.route.mirrors[0].upstream.addresses
        return pool


@pytest.fixture
def mirrored(clock, monkeypatch):
    monkeypatch.setattr(timer_wheel, "now_s", clock)

    def made(route=MIRROR, request="3s", **environment):
        return Mirrored(clock, TEXT % (route, request), **environment)

    return made


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_the_mirror_gets_what_the_upstream_gets_and_its_response_goes_nowhere(mirrored):
    known = mirrored(f"{MIRROR}, rewrite: {{host: in.example}}, requestHeaders: {{set: {{X-A: '2'}}}}")
    driven = await known.begin("/p?q", fields=["x-a: 1", "x-b: 3"])
    sent = known.to(2).take()
    assert sent == known.to(1).take()
    assert sent.startswith(b"GET /p?q HTTP/1.1\r\nhost: in.example\r\nx-b: 3\r\n")
    known.to(2).protocol.data_received(b"HTTP/1.1 500 Broken\r\ncontent-length: 3\r\n\r\nbad")
    assert driven.writer.calls == []
    driven.answer(OK, known.to(1))
    assert driven.writer.calls[0] == ("head", 200, 2)
    assert known.counted == {(b"GET", 200, ""): 1}
    assert known.outcomes == {"completed": 1}
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert (known.pool.state.in_flight, known.pool.idle, known.is_at_rest) == (0, 1, True)
    assert known.context.mirrored == set()


async def test_a_response_does_not_wait_for_the_mirror(mirrored):
    known = mirrored()
    driven = await known.begin()
    driven.answer(OK, known.to(1))
    assert driven.downstream.calls == ["done"]
    assert len(known.context.mirrored) == 1
    known.to(2).protocol.data_received(OK)
    assert known.outcomes == {"completed": 1}


async def test_the_body_goes_to_all_mirrors(mirrored):
    known = mirrored("mirror: [{upstream: two}, {upstream: three}]")
    driven = await known.begin(**CHUNKED, body=b"12")
    await driven.send(b"345")
    await driven.send(b"6", end=True)
    for port in (1, 2, 3):
        assert known.to(port).take().endswith(b"\r\n\r\n2\r\n12\r\n3\r\n345\r\n1\r\n6\r\n0\r\n\r\n")


async def test_a_body_that_comes_before_the_connection_is_made_waits_for_it(mirrored):
    known = mirrored()
    known.loop.hang.add(2)
    driven = await known.begin(**LENGTH_10, body=b"12345")
    await driven.send(b"67890", end=True)
    driven.answer(OK, known.to(1))
    assert known.counted == {(b"POST", 200, ""): 1}
    assert known.outcomes == {}
    known.clock.now_s += 3.1
    known.context.wheel.turn(known.clock())
    await settled()
    assert known.outcomes == {"timed_out": 1}
    assert known.pool.state.in_flight == 0


async def test_a_connection_that_waits_is_used_again(mirrored):
    known = mirrored()
    for _ in range(2):
        driven = await known.begin(**LENGTH_10, body=b"1234567890")
        known.to(2).protocol.data_received(OK)
        driven.answer(OK, known.to(1))
    assert [port for _, port in known.loop.connected] == [2, 1]
    assert known.to(2).take().count(b"POST / HTTP/1.1\r\n") == 2
    assert known.outcomes == {"completed": 2}


async def test_a_connection_that_the_mirror_just_closed_is_no_failure(mirrored):
    known = mirrored()
    driven = await known.begin()
    known.to(2).protocol.data_received(OK)
    driven.answer(OK, known.to(1))
    second = await known.begin("/again")
    known.to(2).lose()
    await settled()
    assert known.to(2).take().startswith(b"GET /again ")
    known.to(2).protocol.data_received(OK)
    second.answer(OK, known.to(1))
    assert known.outcomes == {"completed": 2}
    assert known.pool.state.in_flight == 0


async def test_a_mirror_that_breaks_off_is_a_failure_of_nobody(mirrored):
    known = mirrored()
    driven = await known.begin()
    known.to(2).lose(ConnectionResetError(104, "reset"))
    await settled()
    assert known.outcomes == {"failed": 1}
    driven.answer(OK, known.to(1))
    assert known.counted == {(b"GET", 200, ""): 1}


async def test_a_mirror_that_is_not_there_is_a_failure_of_nobody(mirrored):
    known = mirrored()
    known.loop.refuse.add(2)
    driven = await known.begin()
    assert known.outcomes == {"failed": 1}
    driven.answer(OK)
    assert known.counted == {(b"GET", 200, ""): 1}
    assert known.pool.state.in_flight == 0


async def test_a_malformed_response_of_a_mirror_ends_it(mirrored):
    known = mirrored()
    await known.begin()
    known.to(2).protocol.data_received(b"nonsense\r\n\r\n")
    assert known.outcomes == {"failed": 1}
    assert known.to(2).aborted


async def test_an_upgrade_that_a_mirror_was_not_asked_for_ends_it(mirrored):
    known = mirrored()
    await known.begin()
    known.to(2).protocol.data_received(b"HTTP/1.1 101 S\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
    assert known.outcomes == {"failed": 1}


async def test_interim_responses_of_a_mirror_go_nowhere(mirrored):
    known = mirrored()
    driven = await known.begin()
    known.to(2).protocol.data_received(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
    assert driven.writer.calls == []
    assert known.outcomes == {"completed": 1}


async def test_a_mirror_that_never_ends_its_response_is_given_up(mirrored):
    known = mirrored()
    driven = await known.begin()
    known.to(2).protocol.data_received(OK_HEAD + b"o")
    driven.answer(OK, known.to(1))
    known.clock.now_s += 3.1
    known.context.wheel.turn(known.clock())
    assert known.outcomes == {"timed_out": 1}
    assert known.to(2).aborted


async def test_a_copy_ends_though_the_routes_timeout_is_off(mirrored):
    known = mirrored(request="0s")
    await known.begin()
    known.clock.now_s += mirroring.TIMEOUT_S + 0.1
    known.context.wheel.turn(known.clock())
    assert known.outcomes == {"timed_out": 1}


async def test_a_mirror_that_does_not_take_the_body_slows_nobody_down(mirrored):
    known = mirrored()
    driven = await known.begin(**CHUNKED)
    known.to(2).stall()
    part = b"x" * 65536
    for _ in range(5):
        await driven.send(part)
    assert driven.downstream.calls == ["resume_upload"] or "pause_upload" not in driven.downstream.calls
    assert known.outcomes == {"dropped": 1}
    await driven.send(b"rest", end=True)
    driven.answer(OK, known.to(1))
    assert known.counted == {(b"POST", 200, ""): 1}


async def test_a_body_is_not_kept_for_a_connection_that_never_comes(mirrored):
    known = mirrored()
    known.loop.hang.add(2)
    driven = await known.begin(**CHUNKED)
    for _ in range(5):
        await driven.send(b"x" * 65536)
    assert known.outcomes == {"dropped": 1}
    assert known.pool.state.in_flight == 0


async def test_a_client_that_leaves_amid_its_body_takes_the_copy_with_it(mirrored):
    known = mirrored()
    driven = await known.begin(**CHUNKED, body=b"12")
    driven.exchange.on_client_gone()
    assert known.outcomes == {"dropped": 1}
    assert known.to(2).aborted


async def test_a_response_that_comes_before_the_body_ends_the_copy(mirrored):
    known = mirrored()
    driven = await known.begin(**CHUNKED, body=b"12")
    driven.answer(OK, known.to(1))
    assert known.outcomes == {"dropped": 1}


async def test_a_mirrors_response_before_the_body_spoils_its_connection(mirrored):
    known = mirrored()
    driven = await known.begin(**CHUNKED, body=b"12")
    known.to(2).protocol.data_received(OK)
    assert known.outcomes == {"completed": 1}
    assert known.to(2).aborted
    await driven.send(b"3", end=True)
    driven.answer(OK, known.to(1))
    assert known.counted == {(b"POST", 200, ""): 1}
    assert known.pool.state.in_flight == 0


async def test_a_share_of_the_requests_is_mirrored(mirrored):
    known = mirrored(
        "mirror: [{upstream: two, percent: 20}, {upstream: three, fraction: {numerator: 1, denominator: 2}}]"
    )
    draws = iter([0.19, 0.5, 0.2, 0.49])
    known.context.random = type("Draws", (), {"random": staticmethod(lambda: next(draws))})()
    await known.begin()
    assert [port for _, port in known.loop.connected] == [2, 1]
    await known.begin()
    assert [port for _, port in known.loop.connected] == [2, 1, 3, 1]


async def test_above_the_most_at_once_requests_go_unmirrored(mirrored):
    known = mirrored()
    known.context.mirrored.update(range(mirroring.MAX_UNDER_WAY))
    driven = await known.begin()
    assert known.outcomes == {"dropped": 1}
    driven.answer(OK)
    assert known.counted == {(b"GET", 200, ""): 1}


async def test_a_websocket_is_not_mirrored(mirrored):
    known = mirrored()
    fields = ["connection: upgrade", "upgrade: websocket", "sec-websocket-key: a"]
    await known.begin(fields=fields)
    assert [port for _, port in known.loop.connected] == [1]


async def test_a_request_that_is_rejected_is_not_mirrored(mirrored):
    known = mirrored()
    breaker = known.breaker
    for _ in range(3):
        driven = await known.begin()
        known.to(1).lose(ConnectionResetError(104, "reset"))
        await settled()
    assert breaker.view(known.clock(), 0.0).state == "open"
    before = len(known.loop.connected)
    driven = await known.begin()
    assert driven.writer.reasons == ["breaker_open"]
    assert len(known.loop.connected) == before


async def test_a_call_of_grpc_tells_the_mirror_what_is_left_of_its_time(mirrored):
    known = mirrored()
    await known.begin(
        "/s/m", "POST", fields=["content-type: application/grpc", "te: trailers", "grpc-timeout: 5S"]
    )
    sent = known.to(2).take()
    assert b"te: trailers\r\n" in sent
    assert sent == known.to(1).take()


class Broken:
    def __call__(self, *_, **__):
        raise ZeroDivisionError


async def test_a_fault_of_ours_in_a_copy_is_no_fault_of_the_request(mirrored):
    known = mirrored()
    known.expect_faults()
    driven = await known.begin()
    known.to(2).protocol.data_received(OK)
    driven.answer(OK, known.to(1))
    known.to(2).write = Broken()
    driven = await known.begin()
    driven.answer(OK, known.to(1))
    assert len(known.faults) == 1
    assert known.outcomes == {"completed": 1, "failed": 1}
    assert known.counted == {(b"GET", 200, ""): 2}


async def test_a_fault_of_ours_while_a_copy_connects_ends_it(mirrored):
    known = mirrored()
    known.expect_faults()
    connect = known.loop.create_connection

    async def broken(factory, host, port, **of):
        return Broken()() if port == 2 else await connect(factory, host, port, **of)

    known.loop.create_connection = broken
    driven = await known.begin()
    assert len(known.faults) == 1
    assert known.outcomes == {"failed": 1}
    driven.answer(OK)
    assert known.counted == {(b"GET", 200, ""): 1}


NAMED = TEXT.replace("http://127.0.0.1:2", "http://svc.example:2") % (MIRROR, "3s")


async def test_a_name_is_resolved_before_a_copy_is_sent(clock, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("192.0.2.7", 2))])
    known = Mirrored(clock, NAMED)
    await known.begin()
    await until(lambda: len(known.loop.transports) == 2, "both connections")
    await settled()
    assert known.to(2).take() == known.to(1).take()


async def test_a_copy_for_a_name_without_address_fails(clock, monkeypatch):
    def none(*_, **__):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", none)
    known = Mirrored(clock, NAMED)
    driven = await known.begin()
    await until(lambda: bool(known.outcomes), "the end of the copy")
    assert known.outcomes == {"failed": 1}
    driven.answer(OK, known.to(1))
    assert known.counted == {(b"GET", 200, ""): 1}
