"""One stream of a client's HTTP/2 connection: its request's body, its response's end, its times."""

import pytest

from app.dataplane.downstream.http2_stream import HIGH_WATER_BYTES
from tests.fakes.connected_http2_client import GET, POST, ConnectedHttp2Client
from tests.fakes.driven_exchange import Proxy, gateway_text
from tests.fakes.manual_loop import settled

NO_ERROR, INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 2, 8, 11
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


@pytest.fixture
def connect(clock):
    async def made(*stanzas, **environment):
        client = ConnectedHttp2Client(Proxy(clock, gateway_text(*stanzas), **environment))
        await client.begin()
        return client

    return made


def resets(client, number):
    return [int(event.error_code) for event in client.named("StreamReset", number)]


def credit(client, number):
    return sum(event.delta for event in client.named("WindowUpdated", number))


async def test_a_body_goes_to_the_upstream_as_it_comes_and_its_credit_back(connect):
    client = await connect()
    number = await client.open(POST, end=False)
    for _ in range(20):
        await client.send(number, b"x" * 16_000)
    await client.send(number, b"", end=True)
    (upstream,) = client.proxy.loop.transports
    assert upstream.take().count(b"x" * 16_000) == 20
    assert credit(client, number) > 200_000
    await client.answer()
    assert client.body(number) == b"ok"


async def test_no_credit_is_given_while_the_upstream_takes_nothing(connect):
    client = await connect()
    number = await client.open(POST, end=False)
    (upstream,) = client.proxy.loop.transports
    upstream.stall()
    for _ in range(32):
        if client.h2.local_flow_control_window(number) < 16_000:
            break
        await client.send(number, b"x" * 16_000)
    before = credit(client, number)
    while client.h2.local_flow_control_window(number):
        await client.send(number, b"y" * min(client.h2.local_flow_control_window(number), 16_000))
    assert credit(client, number) == before
    assert client.connection.streams[number].upload_paused
    upstream.drain()
    await client.exchange_frames()
    assert credit(client, number) > before


async def test_a_rejected_upload_whose_rest_is_short_is_discarded(connect):
    client = await connect("timeout: {request: 1s}", route="")
    number = await client.open([*POST[:3], (":path", "/.%2e/")], ("content-length", "10"), end=False)
    assert client.fields(number)[":status"] == "400"
    assert client.connection.streams[number].serving is None
    await client.send(number, b"x" * 10, end=True)
    assert resets(client, number) == []
    assert client.connection.streams == {}


async def test_a_short_rest_that_does_not_come_ends_in_time(connect):
    client = await connect(HEADER_TIMEOUT="5s")
    number = await client.open([*POST[:3], (":path", "/.%2e/")], ("content-length", "10"), end=False)
    stream = client.connection.streams[number]
    assert stream.deadline_s - client.proxy.clock.now_s == 5.0
    await client.stream_comes_due(number)
    assert resets(client, number) == [NO_ERROR]


async def test_a_rejected_upload_without_an_end_is_reset_behind_the_response(connect):
    client = await connect()
    number = await client.open([*POST[:3], (":path", "/.%2e/")], end=False)
    kinds = [type(event).__name__ for event in client.events if getattr(event, "stream_id", 0) == number]
    assert kinds[0] == "ResponseReceived"
    assert kinds[-2:] == ["StreamEnded", "StreamReset"]
    assert resets(client, number) == [NO_ERROR]


async def test_an_early_response_reaches_a_client_whole_that_goes_on_with_its_upload(connect):
    client = await connect()
    number = await client.open(POST, ("content-length", "200000"), end=False)
    await client.answer(HEAD % 100_000 + b"r" * 100_000)
    assert client.connection.streams[number].serving is None
    for _ in range(10):
        await client.send(number, b"x" * 10_000)
    client.h2.increment_flow_control_window(100_000)
    client.h2.increment_flow_control_window(100_000, number)
    await client.exchange_frames()
    assert len(client.body(number)) == 100_000
    assert resets(client, number) == [NO_ERROR]


async def test_a_body_above_the_bound_is_rejected_amid_its_upload(connect):
    client = await connect(MAX_BODY_BYTES="1000")
    number = await client.open(POST, end=False)
    await client.send(number, b"x" * 1001)
    assert client.fields(number)[":status"] == "413"
    assert resets(client, number) == [NO_ERROR]


async def test_trailers_end_the_request_and_malformed_ones_reject_it(connect):
    client = await connect()
    number = await client.open(POST, end=False)
    client.h2.send_headers(number, [("x-sum", "1")], end_stream=True)
    await client.exchange_frames()
    assert client.proxy.loop.transports[0].take().endswith(b"0\r\nx-sum: 1\r\n\r\n")
    other = await client.open(POST, end=False)
    client.connection.streams[other].on_trailers(None)
    await client.exchange_frames()
    assert client.fields(other)[":status"] == "400"


async def test_trailers_of_a_request_that_was_responded_to_are_dropped(connect):
    client = await connect()
    number = await client.open([*POST[:3], (":path", "/.%2e/")], ("content-length", "1"), end=False)
    await client.send(number, b"x")
    client.h2.send_headers(number, [("x-sum", "1")], end_stream=True)
    await client.exchange_frames()
    assert client.connection.streams == {}


async def test_a_reset_by_the_client_ends_the_exchange(connect):
    client = await connect()
    number = await client.open()
    client.h2.reset_stream(number, CANCEL)
    await client.exchange_frames()
    assert client.proxy.is_at_rest
    assert client.proxy.counted == {(b"GET", 499, ""): 1}
    assert client.connection.streams == {}


async def test_a_body_that_is_not_as_long_as_announced_is_malformed(connect):
    client = await connect()
    number = await client.open(POST, ("content-length", "5"), end=False)
    await client.send(number, b"xy", end=True)
    assert client.proxy.counted == {(b"POST", 400, "request_malformed"): 1}
    assert client.proxy.is_at_rest
    assert resets(client, number) == [1]


async def test_a_response_is_read_no_faster_than_the_client_takes_it(connect):
    client = await connect()
    number = await client.open()
    (upstream,) = client.proxy.loop.transports
    await client.answer(HEAD % 300_000 + b"x" * 60_000)
    assert upstream.reading
    await client.answer(b"x" * 100_000)
    stream = client.connection.streams[number]
    assert not upstream.reading
    assert len(client.body(number)) == 65_535
    while not upstream.reading:
        client.h2.increment_flow_control_window(30_000)
        client.h2.increment_flow_control_window(30_000, number)
        await client.exchange_frames()
    assert stream.writer.unsent_bytes() < HIGH_WATER_BYTES


async def test_a_client_that_takes_nothing_loses_stream_and_connection(connect):
    client = await connect("timeout: {idle: 3s}")
    number = await client.open()
    await client.answer(HEAD % 300_000 + b"x" * 200_000)
    other = await client.open()
    await client.stream_comes_due(number)  # it took some since the deadline was set
    assert resets(client, number) == []
    await client.stream_comes_due(number)
    assert resets(client, number) == [ENHANCE_YOUR_CALM]
    assert client.goaways() == [(other, ENHANCE_YOUR_CALM)]
    client.h2.increment_flow_control_window(10)
    await client.answer()
    assert client.state == "CLOSING"


async def test_the_rest_of_a_complete_response_has_its_time_too(connect):
    client = await connect(HEADER_TIMEOUT="5s")
    number = await client.open()
    await client.answer(HEAD % 100_000 + b"x" * 100_000)
    assert client.proxy.is_at_rest
    client.h2.increment_flow_control_window(10, number)
    client.h2.increment_flow_control_window(10)
    await client.exchange_frames()
    await client.stream_comes_due(number)  # it takes bytes, if slowly
    assert resets(client, number) == []
    await client.stream_comes_due(number)
    assert resets(client, number) == [ENHANCE_YOUR_CALM]


@pytest.mark.parametrize("answer", [HEAD % 300_000 + b"x" * 50_000, HEAD % 0])
async def test_a_client_that_reads_nothing_at_all_is_cut_off(connect, answer):
    client = await connect("timeout: {idle: 3s}", HEADER_TIMEOUT="5s")
    await client.open()
    number = await client.open()
    first, second = client.proxy.loop.transports
    client.transport.high_bytes = 1000
    client.transport.stall()
    first.protocol.data_received(HEAD % 2000 + b"x" * 2000)
    await settled()
    assert not client.transport.reading
    second.protocol.data_received(answer)
    await settled()
    await client.stream_comes_due(number)
    if client.state == "ACTIVE":  # it took something since the deadline was set
        await client.stream_comes_due(number)
    assert client.state == "CLOSING"
    await client.come_due()
    assert client.transport.aborted
    assert client.proxy.is_at_rest


async def test_an_upstream_that_breaks_off_resets_the_stream(connect):
    client = await connect()
    number = await client.open()
    await client.answer(HEAD % 100 + b"half")
    client.proxy.loop.transports[0].lose()
    await client.exchange_frames()
    assert resets(client, number) == [INTERNAL_ERROR]
    assert client.body(number) == b"half"


async def test_an_upstream_that_does_not_respond_in_time_is_a_504(connect):
    client = await connect("timeout: {request: 3s}")
    number = await client.open()
    await client.stream_comes_due(number)
    assert client.fields(number)[":status"] == "504"
    assert resets(client, number) == []


async def test_a_fault_of_ours_after_the_response_resets_the_stream(connect):
    client = await connect()
    client.proxy.expect_faults()
    number = await client.open([*POST[:3], (":path", "/.%2e/")], ("content-length", "10"), end=False)
    client.connection.streams[number].failed_inside(ZeroDivisionError())
    await client.exchange_frames()
    assert resets(client, number) == [INTERNAL_ERROR]
    assert len(client.proxy.faults) == 1


async def test_head_has_no_body_and_100_continue_is_sent(connect):
    client = await connect()
    number = await client.open([(":method", "HEAD"), *GET[1:]])
    await client.answer(HEAD % 10)
    assert (client.fields(number)["content-length"], client.body(number)) == ("10", b"")
    number = await client.open(POST, ("expect", "100-continue"), ("content-length", "2"), end=False)
    assert client.named("InformationalResponseReceived", number)
    await settled()
