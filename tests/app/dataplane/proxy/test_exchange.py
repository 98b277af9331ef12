"""One exchange without a socket: events of both sides in, calls out."""

import threading

import pytest

from app.foundation.reasons import Reason
from tests.fakes.driven_exchange import BREAKER, CHUNKED, LENGTH_10, LIMIT, OK_HEAD, Proxy, gateway_text
from tests.fakes.manual_loop import settled


async def test_an_admitted_request_is_sent_and_its_response_written(proxy):
    known = proxy()
    driven = await known.begin("/p?q", fields=["x-a: 1"])
    assert driven.upstream.take().startswith(b"GET /p?q HTTP/1.1\r\nhost: h\r\nx-a: 1\r\n")
    driven.answer(OK_HEAD + b"ab")
    assert driven.writer.calls == [("head", 200, 4), ("body", b"ab"), ("flush",)]
    assert driven.downstream.calls == []
    driven.answer(b"cd")
    assert driven.writer.calls[3:] == [("body", b"cd"), ("end", [])]
    assert driven.downstream.calls == ["done"]
    assert known.counted == {(b"GET", 200, ""): 1}
    assert known.is_at_rest
    assert [pool.idle for pool in known.pools] == [1]


async def test_the_next_request_takes_the_connection_that_waits(proxy):
    known = proxy()
    (await known.begin()).answer_whole()
    second = await known.begin("/second")
    assert second.upstream.take().count(b"HTTP/1.1\r\n") == 2
    second.answer_whole()
    assert len(known.loop.connected) == 1
    assert known.counted == {(b"GET", 200, ""): 2}


async def test_a_clients_request_id_is_kept_where_it_is_sane(proxy):
    known = proxy()
    kept = await known.begin(fields=['x-request-id: of"theirs'])
    made = await known.begin(fields=["x-request-id: two words"])
    assert (kept.state.request_id, kept.state.id_in_json) == (b'of"theirs', b'of\\"theirs')
    assert len(made.state.request_id) == 32


# The request's body


async def test_a_body_that_becomes_too_large_is_rejected(proxy):
    known = proxy(MAX_BODY_BYTES="5")
    driven = await known.begin(**CHUNKED, body=b"12")
    await driven.send(b"345")
    await driven.send(b"6")
    assert driven.writer.reasons == ["body_too_large"]
    assert ("last",) in driven.writer.calls
    assert driven.downstream.calls == ["done"]
    assert driven.upstream.aborted
    await driven.send(b"789", end=True)  # what was on its way already
    assert (known.counted, known.is_at_rest) == ({(b"POST", 413, "body_too_large"): 1}, True)


async def test_a_body_whose_framing_breaks_is_rejected(proxy):
    driven = await proxy().begin(**CHUNKED, body=b"12")
    driven.exchange.on_request_malformed("invalid chunk size")
    assert driven.writer.reasons == ["request_malformed"]
    assert ("last",) in driven.writer.calls
    assert driven.upstream.aborted


# A fault of ours


async def test_a_fault_of_ours_is_500_and_counts_nothing(proxy):
    known = proxy(BREAKER)
    known.expect_faults()
    driven = await known.begin()
    driven.writer.fail_on = "head"
    driven.answer_whole()
    assert driven.writer.reasons == ["internal_error"]
    assert ("last",) in driven.writer.calls
    assert len(known.faults) == 1
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert (known.counted, known.is_at_rest) == ({(b"GET", 500, "internal_error"): 1}, True)


async def test_a_fault_of_ours_amid_the_response_cuts_it_off(proxy):
    known = proxy()
    known.expect_faults()
    driven = await known.begin()
    driven.answer(OK_HEAD)
    driven.writer.fail_on = "body"
    driven.answer(b"ab")
    assert driven.downstream.calls == ["abort"]
    assert (known.counted, known.is_at_rest) == ({(b"GET", 200, "internal_error"): 1}, True)


async def test_a_fault_of_ours_at_the_responses_end_leaves_no_client_waiting(proxy):
    known = proxy()
    known.expect_faults()
    driven = await known.begin()
    driven.writer.fail_on = "end"
    driven.answer_whole()
    assert driven.downstream.calls == ["abort"]
    assert (known.counted, known.is_at_rest) == ({(b"GET", 200, ""): 1}, True)


class Broken:
    """A limiter with a fault."""

    def admit(self, rules, keys, now_s):
        raise ZeroDivisionError


async def test_a_fault_of_ours_while_deciding_is_500(proxy):
    known = proxy(LIMIT)
    known.expect_faults()
    known.context.limiter = Broken()
    driven = await known.begin()
    assert driven.writer.reasons == ["internal_error"]
    assert driven.downstream.calls == ["done"]
    assert known.context.counts.in_flight == 0


async def test_a_fault_of_ours_while_connecting_is_500(proxy):
    known = proxy()
    known.expect_faults()
    known.loop.create_connection = None
    driven = await known.begin()
    assert driven.writer.reasons == ["internal_error"]
    assert known.is_at_rest


# Rejections and redirects


async def test_a_request_that_was_rejected_already_goes_nowhere(proxy):
    known = proxy()
    driven = await known.begin(fields=["expect: something"])
    assert driven.writer.reasons == ["expectation_failed"]
    assert driven.downstream.calls == ["done"]
    assert known.loop.connected == []


async def test_no_more_than_so_many_are_in_flight(proxy):
    known = proxy(MAX_IN_FLIGHT="1")
    first, second = await known.begin(), await known.begin()
    assert second.writer.reasons == ["overloaded"]
    first.answer_whole()
    third = await known.begin()
    assert third.writer.calls == []


async def test_a_redirect_is_answered_here(clock):
    known = Proxy(clock, gateway_text(route="redirect: {host: new.example, status: 302}"))
    driven = await known.begin("/a")
    (reply,) = (call[1] for call in driven.writer.named("reply"))
    assert (reply.status, reply.lines.startswith(b"location: http://new.example/a\r\n")) == (302, True)
    assert (known.counted, driven.downstream.calls) == ({(b"GET", 302, ""): 1}, ["done"])


# The client leaves


async def connecting(clock):
    known = Proxy(clock, gateway_text(BREAKER))
    known.loop.hang = {9}
    return known, await known.begin()


async def sent(clock):
    known = Proxy(clock, gateway_text(BREAKER))
    return known, await known.begin()


async def uploading(clock):
    known = Proxy(clock, gateway_text(BREAKER))
    return known, await known.begin(**LENGTH_10, body=b"1")


async def responding(clock):
    known, driven = await sent(clock)
    driven.answer(OK_HEAD + b"a")
    return known, driven


async def pausing(clock):
    known = Proxy(clock, gateway_text(BREAKER, "retry: {attempts: 1, on: [503]}"))
    driven = await known.begin()
    driven.answer_whole(status=503)
    assert known.loop.waiting
    return known, driven


async def resolving(clock):
    known = Proxy(clock, gateway_text(BREAKER, endpoints=("http://nowhere.example:9",)))
    return known, await known.begin()


@pytest.fixture
def no_names(monkeypatch):
    """Servers of names that do not respond."""
    over = threading.Event()

    def look_up(*_, **__):
        over.wait()
        raise OSError(-3, "Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    yield
    over.set()


@pytest.mark.parametrize("at", [connecting, sent, uploading, responding, pausing, resolving])
async def test_a_client_that_leaves_ends_the_upstreams_work_and_counts_nothing(clock, at, no_names):
    known, driven = await at(clock)
    before = list(driven.writer.calls)
    driven.exchange.on_client_gone()
    await settled()
    assert known.is_at_rest
    assert all(transport.aborted for transport in known.loop.transports)
    known.loop.fire()
    await settled()
    assert driven.writer.calls == before
    assert driven.downstream.calls == []
    assert sum(known.counted.values()) == 1
    assert known.breaker.view(known.clock(), 0.0).state == "closed"
    assert driven.state.error == "client_gone"


async def test_what_comes_after_the_end_does_nothing(proxy):
    known = proxy()
    driven = await known.begin()
    driven.answer_whole()
    exchange, calls = driven.exchange, list(driven.writer.calls)
    deadline_s = driven.downstream.deadline_s
    exchange.on_deadline(known.clock() + 99)
    exchange.on_client_gone()
    exchange.on_client_blocked()
    exchange.on_client_writable()
    exchange.on_request_end([])
    exchange.fail(Reason.UPSTREAM_RESET, "late", driven.state.outcome)
    await settled()
    assert (driven.writer.calls, driven.downstream.calls) == (calls, ["done"])
    assert driven.downstream.deadline_s == deadline_s
    assert known.counted == {(b"GET", 200, ""): 1}
