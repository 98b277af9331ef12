"""Attempts over HTTP/2: what an upstream did nothing with is sent again, whatever its method."""

import pytest

from app.dataplane.proxy.attempts import MAX_UNPROCESSED
from tests.fakes.driven_exchange import TWO_ENDPOINTS, retries
from tests.fakes.http2_peer import Http2Peer
from tests.fakes.manual_loop import settled


async def over_http2(known, method="POST"):
    """A request at an upstream that speaks HTTP/2, and the peer that has it."""
    driven = await known.begin(method=method)
    peer = Http2Peer(known.loop.transports[-1])
    await peer.begin()
    return driven, peer


async def test_a_stream_that_is_reset_was_on_no_stale_connection(proxy):
    known = proxy("circuitBreaker: {consecutiveFailures: 1}", protocol="h2")
    _, peer = await over_http2(known, "GET")
    await peer.head(1, 200, end=True)
    again = await known.begin()
    await peer.turn()
    peer.h2.reset_stream(3, 2)
    await peer.turn()
    assert again.writer.reasons == ["upstream_reset"]
    assert (len(peer.requests), len(known.loop.transports), retries(known)) == (2, 1, {})
    assert known.breaker.view(known.clock(), 0.0).state == "open"


async def test_a_connection_of_many_streams_may_be_stale_too(proxy):
    known = proxy("circuitBreaker: {consecutiveFailures: 1}", protocol="h2")
    _, peer = await over_http2(known, "GET")
    await peer.head(1, 200, end=True)
    driven = await known.begin()
    await driven.lose_upstream()
    fresh = Http2Peer(known.loop.transports[-1])
    await fresh.begin()
    await fresh.head(1, 200, end=True)
    assert retries(known) == {"stale_connection": 1}
    assert known.counted == {(b"GET", 200, ""): 2}


@pytest.mark.parametrize("goaway", [True, False])
async def test_what_the_upstream_did_nothing_with_is_sent_again_whatever_its_method(proxy, goaway):
    known = proxy("circuitBreaker: {consecutiveFailures: 1}", protocol="h2")
    driven, peer = await over_http2(known)
    if goaway:
        await peer.goaway(0)
    else:
        peer.h2.reset_stream(1, 7)
        await peer.turn()
    again = Http2Peer(known.loop.transports[-1])
    await again.begin()
    assert again is not peer
    assert dict(again.requests[0])[b":method"] == b"POST"
    await again.head(1, 200, end=True)
    assert known.counted == {(b"POST", 200, ""): 1}
    assert retries(known) == {"unprocessed": 1}
    assert known.pools[0].state.consecutive_failures == 0
    assert [ended[1] for ended in driven.state.failed_attempts] == ["unprocessed"]
    assert known.is_at_rest


async def test_it_goes_to_another_endpoint_where_there_is_one(proxy):
    known = proxy(endpoints=TWO_ENDPOINTS, protocol="h2")
    _, peer = await over_http2(known)
    ports = [port for _, port in known.loop.connected]
    await peer.goaway(0)
    assert sorted([*ports, known.loop.connected[-1][1]]) == [1, 2]


async def test_an_upstream_that_does_nothing_with_anything_is_not_asked_for_ever(proxy):
    known = proxy(protocol="h2")
    driven, peer = await over_http2(known)
    for number in range(1, MAX_UNPROCESSED + 1):
        await peer.goaway(0)
        peer = Http2Peer(known.loop.transports[number])
        await peer.begin()
    await peer.goaway(0)
    assert driven.writer.reasons == ["upstream_reset"]
    assert retries(known) == {"unprocessed": MAX_UNPROCESSED}
    assert known.is_at_rest


async def test_a_body_that_is_not_kept_any_more_is_not_sent_again(proxy):
    known = proxy(protocol="h2")
    driven = await known.begin(method="POST", fields=["Content-Length: 300000"])
    peer = Http2Peer(known.loop.transports[-1])
    await peer.begin()
    await driven.send(b"x" * 200_000)
    await peer.goaway(0)
    assert driven.writer.reasons == ["upstream_reset"]


async def test_a_reset_that_says_nothing_of_it_is_not_sent_again(proxy):
    known = proxy(protocol="h2")
    driven, peer = await over_http2(known)
    peer.h2.reset_stream(1, 2)
    await peer.turn()
    assert driven.writer.reasons == ["upstream_reset"]


async def test_an_endpoint_that_speaks_another_protocol_has_seen_nothing_of_the_request(proxy):
    known = proxy(endpoints=TWO_ENDPOINTS, protocol="h2")
    driven = await known.begin(method="POST")
    driven.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await settled()
    assert sorted(port for _, port in known.loop.connected) == [1, 2]
    driven.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await settled()
    assert driven.writer.reasons == ["upstream_protocol"]
    assert "it responds in HTTP/1.1, not in HTTP/2" in driven.state.error
    assert known.is_at_rest
