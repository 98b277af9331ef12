"""What follows a failed attempt: again, elsewhere, or the end; and who holds which connection meanwhile."""

import pytest

from app.dataplane.eventloop.timer_wheel import NEVER
from tests.fakes.driven_exchange import TWO_ENDPOINTS, again, retries
from tests.fakes.manual_loop import settled
from tests.fakes.waiting import until

RETRY = "retry: {attempts: 2, on: [503, Reset, ConnectError, Timeout], backoff: {base: 100ms, max: 1s}}"


# A status that the stanza names


async def test_a_status_of_the_stanza_is_tried_again_after_a_pause(proxy):
    known = proxy(RETRY)
    driven = await known.begin()
    first = driven.upstream
    driven.answer_whole(status=503)
    assert (driven.writer.calls, first.aborted) == ([], True)
    assert known.loop.waiting == [0.05]
    await again(known)
    assert driven.upstream is not first
    assert driven.upstream.take().startswith(b"GET / HTTP/1.1\r\n")
    driven.answer_whole()
    assert (driven.state.attempts, known.counted, known.is_at_rest) == (2, {(b"GET", 200, ""): 1}, True)
    assert retries(known) == {"retried": 1}


async def test_pauses_grow_and_attempts_end(proxy):
    known = proxy(RETRY)
    driven = await known.begin()
    driven.answer_whole(status=503)
    await again(known)
    driven.answer_whole(status=503)
    assert known.loop.waiting == [0.1]
    await again(known)
    driven.answer_whole(status=503)
    assert driven.writer.calls[0] == ("head", 503, 2)
    assert (driven.state.attempts, known.is_at_rest) == (3, True)


async def test_another_status_goes_on_at_once(proxy):
    driven = await proxy(RETRY).begin()
    driven.answer_whole(status=502)
    assert driven.writer.calls[0] == ("head", 502, 2)


async def test_a_post_that_was_sent_is_not_sent_again(proxy):
    driven = await proxy(RETRY).begin(method="POST", fields=["content-length: 1"], body=b"x")
    driven.answer_whole(status=503)
    assert driven.writer.calls[0] == ("head", 503, 2)


async def test_the_budget_ends_retries(proxy):
    known = proxy(RETRY.replace("attempts: 2", "attempts: 2, budget: {percent: 0, minRetriesPerSecond: 0}"))
    driven = await known.begin()
    driven.answer_whole(status=503)
    assert driven.writer.calls[0] == ("head", 503, 2)
    assert retries(known) == {"budget_exhausted": 1}


async def test_the_body_is_sent_again_with_what_came_meanwhile(proxy):
    known = proxy(RETRY)
    driven = await known.begin(method="PUT", fields=["content-length: 4"], body=b"ab")
    await driven.lose_upstream()
    await driven.send(b"cd", end=True)
    await again(known)
    assert driven.upstream.take().endswith(b"content-length: 4\r\n\r\nabcd")


async def test_a_body_too_large_to_be_kept_is_not_sent_again(proxy):
    known = proxy(RETRY)
    driven = await known.begin(method="PUT", fields=["content-length: 100000"], body=b"x" * 50_000)
    await driven.send(b"x" * 50_000, end=True)
    await driven.lose_upstream()
    assert driven.writer.reasons == ["upstream_reset"]


async def test_an_answer_before_a_large_body_is_taken_ends_the_connection(proxy):
    known = proxy()
    driven = await known.begin(method="PUT", fields=["content-length: 100000"])
    driven.upstream.stall()
    await driven.send(b"x" * 100_000, end=True)
    driven.answer_whole()
    assert driven.upstream.aborted
    assert known.is_at_rest


# A connection that was lost


async def test_a_stale_connection_is_nobodys_failure(proxy):
    known = proxy("circuitBreaker: {consecutiveFailures: 1}")
    (await known.begin()).answer_whole()
    driven = await known.begin()
    stale = driven.upstream
    stale.take()
    await driven.lose_upstream()
    assert driven.upstream is not stale
    assert driven.upstream.take().startswith(b"GET / HTTP/1.1\r\n")
    driven.answer_whole()
    assert retries(known) == {"stale_connection": 1}
    assert known.pools[0].state.consecutive_failures == 0
    assert known.counted == {(b"GET", 200, ""): 2}


async def test_it_is_sent_again_once_and_on_a_fresh_connection(proxy):
    known = proxy()
    first, second = await known.begin(), await known.begin()
    transports = list(known.loop.transports)
    first.answer_whole()
    second.answer(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n", transports[1])
    driven = await known.begin()
    transports[1].lose(ConnectionResetError())
    await settled()
    assert len(known.loop.transports) == 3  # not the other one that waits: it is as old
    await driven.lose_upstream()
    assert driven.writer.reasons == ["upstream_reset"]


async def test_a_post_on_a_stale_connection_is_not_sent_again(proxy):
    known = proxy()
    (await known.begin()).answer_whole()
    driven = await known.begin(method="POST")
    await driven.lose_upstream()
    assert driven.writer.reasons == ["upstream_reset"]


async def test_a_connection_that_closed_while_it_waited_is_not_taken(proxy):
    known = proxy()
    (await known.begin()).answer_whole()
    known.loop.transports[0].closing = True
    driven = await known.begin()
    assert len(known.loop.transports) == 2
    driven.answer_whole()


async def test_bytes_that_nobody_asked_for_end_a_connection_that_waits(proxy):
    known = proxy()
    driven = await known.begin()
    driven.answer_whole()
    driven.answer(b"HTTP/1.1 200 OK\r\n\r\n")
    await settled()
    assert driven.upstream.aborted
    assert [(pool.idle, pool.open) for pool in known.pools] == [(0, 0)]


# An endpoint where nobody answers


async def test_a_refused_connection_goes_to_the_next_endpoint(proxy):
    known = proxy(endpoints=TWO_ENDPOINTS)
    known.loop.refuse = {1}
    seen = [await known.begin(), await known.begin()]
    assert {transport.get_extra_info("peername")[0] for transport in known.loop.transports} == {"127.0.0.1"}
    assert [port for _, port in known.loop.connected].count(2) == 2
    for driven, transport in zip(seen, known.loop.transports, strict=True):
        driven.answer(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n", transport)
    assert retries(known) == {"next_endpoint": [port for _, port in known.loop.connected].count(1)}
    assert known.is_at_rest


async def test_where_all_refuse_it_is_502(proxy):
    known = proxy(endpoints=TWO_ENDPOINTS)
    known.loop.refuse = {1, 2}
    driven = await known.begin()
    assert sorted(port for _, port in known.loop.connected) == [1, 2]
    assert driven.writer.reasons == ["upstream_connect"]
    assert "one at 127.0.0.1:" in driven.state.error
    assert known.is_at_rest


async def test_a_connection_that_is_not_made_in_time_is_502(proxy):
    known = proxy("timeout: {connect: 1ms}")
    known.loop.hang = {1}
    driven = await known.begin()
    while not driven.writer.calls:  # a millisecond of the real loop
        await settled()
    assert driven.writer.reasons == ["upstream_connect"]
    assert "no connection within 0.001 s" in driven.state.error


async def test_a_retry_avoids_the_endpoint_that_failed(proxy):
    known = proxy(RETRY, endpoints=TWO_ENDPOINTS)
    driven = await known.begin()
    failed_on = driven.state.endpoint
    driven.answer_whole(status=503)
    await again(known)
    assert driven.state.endpoint is not failed_on


@pytest.fixture
def names(monkeypatch):
    """Addresses by name, as the system knows them; others it does not know."""
    known: dict[str, str] = {}

    def look_up(name, port, **_):
        host = name.decode()
        if host not in known:
            raise OSError(-2, "Name or service not known")
        return [(2, 1, 6, "", (known[host], port))]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    return known


async def test_a_names_addresses_are_asked_for_at_the_first_request(proxy, names):
    names["svc.example"] = "192.0.2.7"
    known = proxy(endpoints=("http://svc.example:1",))
    driven = await known.begin()
    await until(lambda: bool(known.loop.transports), "the connection")
    assert known.loop.connected == [("192.0.2.7", 1)]
    driven.answer_whole()
    assert known.is_at_rest


async def test_a_name_without_an_address_is_502(proxy, names):
    known = proxy(endpoints=("http://svc.example:1",))
    driven = await known.begin()
    await until(lambda: bool(driven.writer.calls), "the rejection")
    assert driven.writer.reasons == ["upstream_connect"]
    assert (driven.state.error, driven.state.attempts) == ("no address is known for one", 1)


# Time


async def test_an_attempt_has_its_own_time_and_the_whole_another(proxy):
    known = proxy(RETRY, "timeout: {request: 5s, perTry: 2s}")
    driven = await known.begin()
    assert driven.left_s == 2.0
    await driven.come_due()
    assert (driven.writer.calls, known.loop.transports[0].aborted) == ([], True)
    assert driven.left_s == 3.0  # the pause is no attempt
    known.clock.now_s += 0.05
    await again(known)
    assert driven.left_s == 2.0
    known.clock.now_s += 2.5
    driven.exchange.on_deadline(known.clock())
    await settled()
    await again(known)
    assert driven.left_s == pytest.approx(0.45)
    await driven.come_due()
    assert driven.writer.reasons == ["upstream_timeout"]
    assert known.is_at_rest


async def test_a_deadline_of_an_earlier_attempt_moves_on(proxy):
    known = proxy(RETRY, "timeout: {request: 50s, perTry: 2s}")
    driven = await known.begin()
    due_s = driven.downstream.deadline_s
    known.clock.now_s += 1
    driven.answer_whole(status=503)
    await again(known)
    driven.exchange.on_deadline(due_s)
    assert (driven.writer.calls, driven.upstream.aborted) == ([], False)


async def test_the_whole_time_ends_it_amid_a_pause(proxy):
    known = proxy(RETRY, "timeout: {request: 5s, perTry: 2s}")
    driven = await known.begin()
    driven.answer_whole(status=503)
    await driven.come_due()
    assert driven.writer.reasons == ["upstream_timeout"]
    assert known.loop.waiting == []


async def test_without_a_time_for_the_whole_the_attempts_counts(proxy):
    known = proxy("timeout: {request: 0s, perTry: 2s}")
    driven = await known.begin()
    assert driven.left_s == 2.0
    await driven.come_due()
    assert driven.writer.reasons == ["upstream_timeout"]
    assert driven.downstream.deadline_s != NEVER


# Whose failure


async def test_an_endpoints_own_failures_do_not_open_the_breaker(proxy):
    known = proxy("circuitBreaker: {consecutiveFailures: 2}", endpoints=TWO_ENDPOINTS)
    good, bad = known.pools
    for _ in range(6):
        driven = await known.begin()
        if driven.state.endpoint is bad:
            await driven.lose_upstream()
        else:
            driven.answer_whole()
    assert good.state.responded_well
    assert bad.state.consecutive_failures >= 2
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
