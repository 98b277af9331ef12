"""What every implementation of an HTTP/2 session must do at its end and against abuse."""

import ngh2
import pytest

from app.dataplane.codec.http2_abuse import MAX_RESETS
from app.dataplane.codec.http2_error import (
    ENHANCE_YOUR_CALM,
    INTERNAL_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
)
from app.dataplane.codec.http2_owner import SessionFault, SessionLimits
from tests.fakes.http2_frames import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GET,
    GOAWAY,
    HEADERS,
    OK,
    PING,
    POST,
    PRIORITY,
    PRIORITY_UPDATE,
    block,
    data,
    error_code,
    frame,
    headers,
    rst_stream,
    settings,
    window_update,
)
from tests.fakes.http2_peers import End, carry, names, pair, server


class TestEnd:
    def test_a_fault_of_the_connection_ends_it_with_a_reason(self):
        gateway = server()
        (written,) = gateway.exchange(data(0, b"x"))
        assert (written.kind, error_code(written)) == (GOAWAY, PROTOCOL_ERROR)
        assert gateway.session.over
        assert gateway.fault.error_code == PROTOCOL_ERROR
        assert gateway.fault.detail == "DATA: stream_id == 0"

    def test_what_is_no_http2_ends_it_with_a_reason(self):
        gateway = End(is_server=True)
        written = gateway.exchange(b"GET / HTTP/1.1\r\n\r\n")
        assert written[-1].kind == GOAWAY
        assert gateway.session.over
        assert "client magic" in gateway.fault.detail

    def test_terminate_tells_the_peer_why_and_leaves_what_waits(self):
        gateway, client = pair()
        number = client.session.send_request(GET, end=True)
        carry(gateway, client)
        gateway.session.send_head(number, OK, end=False)
        gateway.session.send_data(number, b"x" * 100_000)
        gateway.session.terminate(ENHANCE_YOUR_CALM, "too much")
        first, *_ = gateway.exchange()
        assert (first.kind, error_code(first), first.payload[8:]) == (GOAWAY, ENHANCE_YOUR_CALM, b"too much")
        assert gateway.session.over
        assert gateway.session.output(100) == b""

    def test_a_drain_serves_what_runs_and_is_over_with_its_end(self):
        gateway, client = pair()
        number = client.session.send_request(GET, end=True)
        gateway.session.shutdown_notice()
        gateway.session.ping()
        carry(gateway, client)
        assert ("goaway", 2**31 - 1, NO_ERROR) in client.calls.take()
        assert client.session.send_request(GET, end=True) == 0
        assert ("ping acknowledged",) in gateway.calls.take()
        gateway.session.goaway()
        carry(gateway, client)
        served_still = not gateway.session.over
        gateway.session.send_head(number, OK, end=True)
        carry(gateway, client)
        assert served_still
        assert [end.session.over for end in (gateway, client)] == [True, True]
        assert gateway.session.fault is client.session.fault is None

    def test_a_peer_that_gives_up_is_the_fault(self):
        gateway = server()
        goaway = (0).to_bytes(4, "big") + PROTOCOL_ERROR.to_bytes(4, "big") + b"you\x07"
        gateway.exchange(frame(GOAWAY, payload=goaway))
        assert gateway.calls.take() == [("goaway", 0, PROTOCOL_ERROR)]
        assert gateway.fault == SessionFault(PROTOCOL_ERROR, "you?", by_peer=True)
        assert gateway.session.over

    def test_an_owner_may_end_what_the_peer_has_just_ended(self):
        gateway = server()
        gateway.calls.on_goaway = lambda *_: gateway.session.terminate(NO_ERROR, "")  # type: ignore[method-assign]
        gateway.exchange(frame(GOAWAY, payload=bytes(8)))
        assert gateway.session.over

    def test_after_the_end_every_call_does_nothing(self):
        for is_server in (True, False):
            end = server() if is_server else End(is_server=False)
            end.exchange(headers(1, GET) if is_server else settings())
            number = 1 if is_server else end.session.send_request(POST, end=False)
            session = end.session
            session.send_data(number, b"x" * 100_000)
            session.terminate(NO_ERROR, "")
            session.terminate(PROTOCOL_ERROR, "again")
            session.send_head(number, OK, end=False)
            session.send_interim(number, OK)
            session.be_fair(number)
            session.send_data(number, b"x")
            session.send_trailers(number, [])
            session.reset(number)
            session.consumed(number, 1)
            session.ping()
            session.shutdown_notice()
            session.goaway()
            assert session.send_request(GET, end=True) == 0
            assert [one.kind for one in end.exchange()][-1] == GOAWAY
            assert session.over
            end.receive(headers(3, GET))
            assert end.exchange() == []

    def test_an_owner_may_end_it_from_within_a_call(self):
        gateway = server(SessionLimits(1, 32_768, 65_536, 65_536))
        gateway.calls.on_request = lambda *_: gateway.session.terminate(ENHANCE_YOUR_CALM, "enough")  # type: ignore[method-assign]
        refused = (
            headers(3, POST, end=False)
            + data(3, b"x")
            + headers(3, [(b"x", b"1")])
            + headers(5, POST, end=False)
        )
        gateway.exchange(headers(1, POST, end=False) + data(1, b"x") + refused + rst_stream(5))
        assert gateway.fault.detail == "enough"
        assert gateway.session.over

    def test_a_connection_that_breaks_within_a_frame_of_ours_says_nothing_into_it(self):
        gateway = server()
        gateway.exchange(headers(1, GET))
        gateway.session.send_head(1, OK, end=False)
        assert len(gateway.session.output(5)) == 5
        gateway.receive(frame(PING, payload=bytes(8)) * 3_000)
        assert gateway.fault.error_code == ENHANCE_YOUR_CALM
        assert gateway.session.over
        assert gateway.exchange() == []

    def test_a_failure_of_the_library_ends_it(self):
        class Failing(ngh2.Connection):
            def data_to_send(self, amount=None):
                raise ngh2.InternalError("HTTP/2 engine error: memory")

        gateway = server()
        gateway.session._connection = Failing(ngh2.Role.SERVER)
        (written,) = gateway.exchange()
        assert (written.kind, error_code(written), written.payload[8:]) == (GOAWAY, INTERNAL_ERROR, b"memory")
        assert gateway.session.over


class TestAbuse:
    def test_a_head_above_the_bound_ends_the_connection_in_any_number_of_frames(self):
        gateway = server()
        large = block([*GET, *((b"x-%d" % number, b"x" * 1_000) for number in range(60))])
        pieces = [large[at : at + 9_000] for at in range(0, len(large), 9_000)]
        flood = frame(HEADERS, END_STREAM, 1, pieces[0])
        flood += b"".join(frame(CONTINUATION, 0, 1, piece) for piece in pieces[1:-1])
        (written,) = gateway.exchange(flood + frame(CONTINUATION, END_HEADERS, 1, pieces[-1]))
        assert (written.kind, error_code(written)) == (GOAWAY, ENHANCE_YOUR_CALM)
        assert "header list" in gateway.fault.detail
        assert gateway.fault.large_head

    def test_a_head_that_decompresses_large_does(self):
        gateway = server()
        once = b"\x40\x01x\x7f\xa1\x1e" + b"x" * 4_000  # indexed: 0xbe is the whole field from now on
        (written,) = gateway.exchange(
            frame(HEADERS, END_HEADERS | END_STREAM, 1, block(GET) + once + b"\xbe" * 200)
        )
        assert (written.kind, error_code(written)) == (GOAWAY, ENHANCE_YOUR_CALM)

    def test_fields_are_not_bounded_here_but_by_their_bytes(self):
        gateway = server()
        gateway.exchange(headers(1, [*GET, *[(b"x", b"")] * 900]))
        assert names(gateway.calls.take()) == ["request"]

    def test_continuation_frames_without_end_do(self):
        gateway = server()
        written = gateway.exchange(frame(HEADERS, 0, 1, block(GET)) + frame(CONTINUATION, 0, 1) * 100)
        assert (written[-1].kind, error_code(written[-1])) == (GOAWAY, ENHANCE_YOUR_CALM)

    def test_more_than_two_hundred_resets_a_second_do(self):
        gateway = server()
        for number in range(1, 402, 2):
            assert gateway.session.fault is None
            gateway.exchange(headers(number, GET) + rst_stream(number))
        assert gateway.fault.error_code == ENHANCE_YOUR_CALM
        assert gateway.session.over

    def test_resets_that_the_peer_provokes_count_alike(self):
        gateway = server()
        for number in range(1, 402, 2):
            gateway.exchange(headers(number, [*GET, (b"A", b"")]))
        gateway.exchange(frame(PING, payload=bytes(8)))
        assert gateway.fault.error_code == ENHANCE_YOUR_CALM

    def test_as_many_in_two_seconds_do_not(self):
        gateway = server()
        for number in range(1, 602, 2):
            gateway.now_s = number / 300
            gateway.exchange(headers(number, GET) + rst_stream(number))
        assert gateway.session.fault is None

    def test_of_a_burst_no_more_requests_are_begun_than_may_be_reset(self):
        gateway = server()
        gateway.exchange(b"".join(headers(number, GET) + rst_stream(number) for number in range(1, 2_000, 2)))
        assert gateway.fault.error_code == ENHANCE_YOUR_CALM
        assert names(gateway.calls.take()).count("request") == 201

    @pytest.mark.parametrize(
        "flood",
        [
            frame(PING, payload=bytes(8)),
            settings(),
            data(1, b""),
            window_update(0, 1),
            window_update(1, 1),
            frame(PRIORITY, 0, 1, bytes(5)),
            frame(PRIORITY_UPDATE, payload=bytes(3) + b"\x01u=1"),
            frame(0x42, payload=b"?"),
        ],
        ids=["ping", "settings", "data", "window", "stream's window", "priority", "update", "unknown"],
    )
    def test_more_than_a_thousand_control_frames_a_second_do(self, flood):
        gateway = server()
        gateway.exchange(headers(1, POST, end=False))
        for _ in range(12):
            gateway.exchange(flood * 100)
        assert gateway.fault.error_code == ENHANCE_YOUR_CALM
        assert gateway.session.over

    def test_window_updates_that_data_explains_are_none_of_them(self):
        gateway = server()
        gateway.exchange(headers(1, GET))
        gateway.session.send_head(1, OK, end=False)
        for _ in range(2_000):
            gateway.session.send_data(1, b"x")
            gateway.exchange(window_update(0, 1) + window_update(1, 1))
        assert gateway.session.fault is None

    def test_of_an_upstreams_resets_none_keeps_what_comes_behind_them_back(self):
        """As of nginx, which resets each request whose body it did not want."""
        gateway, client = pair()
        for number in range(1, 4 * (MAX_RESETS + 20), 4):
            client.session.send_request(POST, end=False)
            client.session.send_request(GET, end=True)
            carry(gateway, client)
            gateway.session.send_head(number, OK, end=True)
            pieces = [gateway.output()]  # a reset alone would overtake it
            gateway.session.reset(number, NO_ERROR)
            pieces.append(gateway.output())
            gateway.session.send_head(number + 2, OK, end=True)
            client.receive(b"".join([*pieces, gateway.output()]))
            assert names(client.calls.take()) == ["response", "reset", "closed", "response", "closed"]
        assert client.session.fault is None

    def test_an_upstream_is_not_counted(self):
        client = End(is_server=False)
        client.exchange(settings())
        for _ in range(20):
            client.exchange(frame(PING, payload=bytes(8)) * 100)
        assert client.session.fault is None
