"""What the gateway relies on in a library of HTTP/2: any that takes the place of ngh2 passes this, without a socket."""

import pytest

from app.dataplane.codec.http2_error import (
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
)
from app.dataplane.codec.http2_owner import SessionLimits
from app.dataplane.codec.http2_turns import FRAME_BYTES
from tests.fakes.http2_frames import (
    DATA,
    END_STREAM,
    GET,
    OK,
    PADDED,
    POST,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    data,
    error_code,
    frame,
    frames,
    headers,
    rst_stream,
    settings,
    settings_of,
    window_update,
)
from tests.fakes.http2_peers import LIMITS, End, carry, names, pair, server


def kinds(written):
    return [(one.kind, one.stream_id) for one in written]


class TestExchange:
    def test_a_request_with_body_and_a_response_with_trailers_pass_in_order(self):
        gateway, client = pair()
        number = client.session.send_request([*POST, (b"x", b"1")], end=False)
        client.session.send_data(number, b"abc")
        client.session.send_data(number, b"de", end=True)
        carry(gateway, client)
        assert gateway.calls.take() == [
            ("request", 1, [*POST, (b"x", b"1")], False),
            ("data", 1, b"abcde", True),
        ]
        gateway.session.send_interim(number, [(b":status", b"103"), (b"link", b"</a>")])
        gateway.session.send_head(number, OK, end=False)
        gateway.session.send_data(number, b"hello")
        gateway.session.send_trailers(number, [(b"grpc-status", b"0")])
        carry(gateway, client)
        assert client.calls.take() == [
            ("interim", 1, [(b":status", b"103"), (b"link", b"</a>")]),
            ("response", 1, OK, False),
            ("data", 1, b"hello", False),
            ("trailers", 1, [(b"grpc-status", b"0")]),
            ("closed", 1, NO_ERROR),
        ]
        assert gateway.calls.take() == [("closed", 1, NO_ERROR)]

    def test_the_server_announces_its_bounds_and_websockets_and_the_client_no_push(self):
        limits = SessionLimits(7, 20_000, 100_000, 300_000)
        (first, window), (greeting, _) = (
            End(is_server=True, limits=limits).exchange(),
            End(is_server=False).exchange(),
        )
        assert first.kind == SETTINGS
        assert settings_of(first.payload) == {3: 7, 4: 100_000, 6: 20_000, 8: 1, 9: 1}
        assert int.from_bytes(window.payload, "big") == 300_000 - 65_535
        assert settings_of(greeting.payload) == {2: 0, 4: 65_536, 6: 32_768}

    @pytest.mark.parametrize("size", [1, 39, 40, 1_000])
    def test_what_it_announces_may_be_written_in_pieces(self, size):
        gateway, whole = End(is_server=True), End(is_server=True).output()
        pieces = []
        while piece := gateway.session.output(size):
            assert len(piece) <= size
            pieces.append(piece)
        assert b"".join(pieces) == whole

    def test_a_client_learns_what_the_server_takes(self):
        _, client = pair(SessionLimits(7, 20_000, 65_535, 65_535))
        assert client.session.peer_max_streams == 7
        assert client.session.peer_takes_websockets

    def test_a_peer_whose_settings_name_no_bound_has_none(self):
        client = End(is_server=False)
        assert client.session.peer_max_streams == 100
        client.exchange(settings())
        assert client.session.peer_max_streams == 2**31 - 1

    @pytest.mark.parametrize("bound", [7, 100])
    def test_a_bound_of_streams_holds_through_settings_that_name_none(self, bound):
        client = End(is_server=False)
        client.exchange(settings({3: bound}))
        client.exchange(settings({4: 100_000}))
        assert client.session.peer_max_streams == bound

    def test_output_is_bounded_and_cut_anywhere(self):
        gateway, client = pair()
        number = client.session.send_request(GET, end=True)
        carry(gateway, client)
        gateway.session.send_head(number, OK, end=False)
        gateway.session.send_data(number, b"x" * 40_000, end=True)
        while piece := gateway.session.output(1_000):
            assert len(piece) <= 1_000
            client.receive(piece)
        assert b"".join(call[2] for call in client.calls.take() if call[0] == "data") == b"x" * 40_000


class TestFlowControl:
    def test_data_waits_for_the_peers_window_and_goes_on_with_it(self):
        gateway = server()
        gateway.exchange(headers(1, GET))
        gateway.session.send_head(1, OK, end=False)
        gateway.session.send_data(1, b"x" * 100_000)
        sent = sum(len(one.payload) for one in gateway.exchange() if one.kind == 0)
        assert sent == 65_535
        assert gateway.session.queued_bytes(1) == gateway.session.queued_total_bytes() == 100_000 - 65_535
        written = gateway.exchange(window_update(0, 10) + window_update(1, 100))
        assert [len(one.payload) for one in written] == [10]

    def test_credit_is_given_for_what_is_consumed_and_for_nothing_else(self):
        gateway = server()
        assert gateway.exchange(headers(1, POST, end=False) + data(1, b"x" * 16_000) * 4) == []
        gateway.session.consumed(1, 64_000)
        assert [(kind, number) for kind, number in kinds(gateway.exchange())] == [(8, 1)]

    def test_what_nobody_consumed_of_a_stream_that_ended_is_given_back_to_the_connection(self):
        gateway = server(SessionLimits(100, 32_768, 65_536, 65_536))
        gateway.exchange(headers(1, POST, end=False) + data(1, b"x" * 16_000) * 4)
        assert (8, 0) in kinds(gateway.exchange(rst_stream(1)))

    def test_data_that_comes_behind_a_reset_of_ours_is_given_back_to_the_connection(self):
        gateway = server(SessionLimits(100, 32_768, 65_536, 65_536))
        gateway.exchange(headers(1, POST, end=False))
        gateway.session.reset(1)
        gateway.exchange()
        assert (8, 0) in kinds(gateway.exchange(data(1, b"x" * 16_000) * 4))
        assert gateway.session.fault is None

    def test_data_of_a_stream_above_our_bound_is_given_back_to_the_connection(self):
        gateway = server(SessionLimits(0, 32_768, 65_536, 65_536))
        upload = headers(1, POST, end=False) + data(1, b"x" * 16_000) * 3 + data(1, b"", end=True)
        assert set(kinds(gateway.exchange(upload))) >= {(8, 0), (3, 1)}

    def test_padding_takes_no_window_for_good(self):
        gateway = server(SessionLimits(100, 32_768, 65_536, 65_536))
        gateway.exchange(headers(1, POST, end=False))
        padded = frame(DATA, PADDED, 1, b"\xc8x" + bytes(200))
        for _ in range(1_000):
            gateway.exchange(padded)
            gateway.session.consumed(1, 1)
        assert gateway.session.fault is None
        assert gateway.calls.take()[1:] == [("data", 1, b"x", False)] * 1_000

    def test_frames_of_one_byte_are_one_piece_of_data(self):
        gateway = server()
        gateway.exchange(
            headers(1, POST, end=False)
            + headers(3, POST, end=False)
            + (data(1, b"a") + data(3, b"b")) * 1_000
        )
        assert gateway.calls.take()[2:] == [
            ("data", 1, b"a" * 1_000, False),
            ("data", 3, b"b" * 1_000, False),
        ]


class TestUploads:
    LARGE = SessionLimits(100, 32_768, 1_000_000, 10_000_000)

    def uploads(self, count, **limits):
        gateway, client = pair(self.LARGE)
        numbers = [client.session.send_request(POST, end=False) for _ in range(count)]
        carry(gateway, client)
        gateway.calls.take()
        return gateway, client, numbers

    def test_they_share_the_connection_by_frames(self):
        _, client, numbers = self.uploads(3)
        for number in numbers:
            client.session.send_data(number, b"x" * 5 * FRAME_BYTES, end=True)
        order = [one.stream_id for one in client.exchange() if one.kind == DATA]
        assert order[:6] == numbers * 2
        assert [order.count(number) for number in numbers] == [5, 5, 5]

    def test_one_that_never_waits_does_not_keep_a_younger_one_back(self):
        gateway, client, (older, younger) = self.uploads(2)
        client.session.send_data(younger, b"x" * 100_000)
        passed = {older: 0, younger: 0}
        for _ in range(40):
            if client.session.queued_bytes(older) < 50_000:
                client.session.send_data(older, b"x" * 100_000)
            gateway.receive(client.session.output(20_000))
            for _, number, piece, _ in gateway.calls.take():
                passed[number] += len(piece)
                gateway.session.consumed(number, len(piece))
            client.receive(gateway.output())
        assert passed[younger] == 100_000
        assert passed[older] > 600_000

    def test_one_whose_window_is_at_zero_does_not_either(self):
        gateway, client = pair(SessionLimits(100, 32_768, 65_535, 10_000_000))
        stalled, other = (client.session.send_request(POST, end=False) for _ in range(2))
        client.session.send_data(stalled, b"x" * 200_000)
        carry(gateway, client)
        client.session.send_data(other, b"x" * 60_000, end=True)
        carry(gateway, client)
        pieces = [call for call in gateway.calls.take() if call[0] == "data"]
        assert sum(len(call[2]) for call in pieces if call[1] == other) == 60_000
        assert pieces[-1][1:] == (other, pieces[-1][2], True)
        assert client.session.queued_bytes(stalled) == client.session.queued_total_bytes() == 200_000 - 65_535

    @pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, 10 * FRAME_BYTES + 1])
    def test_its_end_comes_behind_all_of_it(self, size):
        for trailers in (None, [(b"x", b"1")]):
            gateway, client, (number,) = self.uploads(1)
            client.session.send_data(number, b"x" * size, end=trailers is None)
            if trailers is not None:
                client.session.send_trailers(number, trailers)
            carry(gateway, client)
            calls = gateway.calls.take()
            assert b"".join(call[2] for call in calls if call[0] == "data") == b"x" * size
            assert calls[-1] == (
                ("data", 1, calls[-1][2], True) if trailers is None else ("trailers", 1, trailers)
            )

    def test_one_waits_until_the_peer_allows_its_stream_and_keeps_none_back(self):
        client = End(is_server=False)
        client.exchange(settings({3: 1, 4: 1_000_000}) + window_update(0, 1_000_000))
        first, second = (client.session.send_request(POST, end=False) for _ in range(2))
        for number in (second, first):
            client.session.send_data(number, b"x" * 100_000, end=True)
        written = client.exchange()
        assert {one.stream_id for one in written if one.kind == DATA} == {first}
        assert written[-1].flags & END_STREAM
        written = client.exchange(headers(first, OK))
        assert (
            sum(len(one.payload) for one in written if one.stream_id == second and one.kind == DATA)
            == 100_000
        )

    def test_its_end_may_come_later_than_all_of_it(self):
        gateway, client, (number,) = self.uploads(1)
        client.session.send_data(number, b"x" * 50_000)
        client.session.send_data(number, b"", end=True)
        carry(gateway, client)
        assert gateway.calls.take()[-1][3]

    def test_what_is_left_of_one_that_was_reset_is_dropped(self):
        gateway, client = pair()
        number, other = (client.session.send_request(POST, end=False) for _ in range(2))
        carry(gateway, client)
        client.session.send_data(number, b"x" * 200_000)
        client.session.send_data(other, b"x" * 200_000)
        carry(gateway, client)
        client.session.reset(number)
        gateway.session.reset(other)
        carry(gateway, client)
        assert client.session.queued_total_bytes() == 0
        assert client.session.output(100) == b""


class TestStreams:
    def test_a_stream_above_the_bound_is_refused_before_and_after_the_settings_are_acknowledged(self):
        gateway = End(is_server=True, limits=SessionLimits(1, 32_768, 65_536, 65_536))
        gateway.exchange(PREFACE + settings())
        first, second = gateway.exchange(headers(1, GET) + headers(3, GET))[-1], None
        assert (first.kind, first.stream_id, error_code(first)) == (RST_STREAM, 3, REFUSED_STREAM)
        gateway.exchange(frame(SETTINGS, 1))
        (second,) = gateway.exchange(headers(5, GET))
        assert (second.kind, second.stream_id, error_code(second)) == (RST_STREAM, 5, REFUSED_STREAM)
        assert names(gateway.calls.take()) == ["settings", "request"]
        gateway.exchange(
            headers(7, POST, end=False) + data(7, b"x") + headers(7, [(b"x", b"1")]) + rst_stream(7)
        )
        assert gateway.calls.take() == []

    def test_a_peers_reset_is_told_and_calls_for_the_stream_do_nothing(self):
        gateway = server()
        gateway.exchange(headers(1, GET) + rst_stream(1, 8))
        assert gateway.calls.take()[1:] == [("reset", 1, 8), ("closed", 1, 8)]
        session = gateway.session
        session.send_interim(1, [(b":status", b"103")])
        session.send_head(1, OK, end=False)
        session.be_fair(1)
        session.send_data(1, b"x")
        session.send_trailers(1, [])
        session.reset(1)
        session.consumed(1, 5)
        assert gateway.exchange() == []
        assert session.fault is None

    def test_a_reset_of_ours_ends_the_stream(self):
        gateway = server()
        gateway.exchange(headers(1, GET))
        gateway.session.reset(1, 2)
        (written,) = gateway.exchange()
        assert (written.kind, error_code(written)) == (RST_STREAM, 2)
        assert gateway.calls.take()[-1] == ("closed", 1, 2)

    def test_responses_in_pieces_share_the_connection(self):
        gateway = server(client_settings={4: 1_000_000})
        gateway.exchange(window_update(0, 1_000_000) + headers(1, GET) + headers(3, GET))
        for number in (1, 3):
            gateway.session.send_head(number, OK, end=False)
            gateway.session.be_fair(number)
            gateway.session.send_data(number, b"x" * 5 * FRAME_BYTES)
        order = [one.stream_id for one in gateway.exchange() if one.kind == 0]
        assert order.count(1) == order.count(3) == 5
        assert order[:4].count(1) == 2


class TestMalformed:
    @pytest.mark.parametrize(
        "pairs",
        [
            [*GET, (b"Upper", b"1")],
            [*GET, (b"connection", b"close")],
            [*GET, (b"transfer-encoding", b"chunked")],
            [*GET, (b"te", b"gzip")],
            [*GET, (b"x", b"a\r\nb: c")],
            [*GET, (b"x", b"a\0")],
            [*GET, (b"x:y", b"1")],
            [*GET, (b"x y", b"1")],
            [*GET, (b"", b"1")],
            [*GET, (b":status", b"200")],
            [*GET, (b"x", b"1"), (b":path", b"/")],
            [*GET, (b":path", b"/")],
            GET[1:],
            GET[:1] + GET[2:],
            GET[:2] + GET[3:],
            [*GET[:2], (b":path", b""), GET[3]],
            [*GET, (b"content-length", b"5")],
        ],
    )
    def test_a_malformed_request_is_reset_and_the_connection_lives(self, pairs):
        gateway = server()
        (written,) = gateway.exchange(headers(1, pairs))
        assert (written.kind, error_code(written)) == (RST_STREAM, PROTOCOL_ERROR)
        assert gateway.calls.take() == [("malformed", 1, PROTOCOL_ERROR)]
        gateway.exchange(headers(3, GET))
        assert gateway.calls.take() == [("request", 3, GET, True)]

    @pytest.mark.parametrize("sent", [b"", b"four"])
    def test_content_length_is_held_against_the_data(self, sent):
        gateway = server()
        gateway.exchange(headers(1, [*POST, (b"content-length", b"3")], end=False))
        (written,) = gateway.exchange(data(1, sent, end=True))
        assert (written.kind, error_code(written)) == (RST_STREAM, PROTOCOL_ERROR)
        assert gateway.calls.take()[-1] == ("closed", 1, PROTOCOL_ERROR)

    def test_trailers_hold_no_pseudo_fields_and_end_the_message(self):
        for trailers in (headers(1, [(b":path", b"/")]), headers(1, [(b"x", b"1")], end=False)):
            gateway = server()
            gateway.exchange(headers(1, POST, end=False))
            (written,) = gateway.exchange(trailers)
            assert (written.kind, error_code(written)) == (RST_STREAM, PROTOCOL_ERROR)
            assert gateway.calls.take()[1:] == [("closed", 1, PROTOCOL_ERROR)]


class TestHead:
    def test_it_is_open_until_it_is_whole(self):
        gateway = End(is_server=True)
        sent = PREFACE + settings() + headers(1, GET)
        states = []
        for at in range(len(sent)):
            gateway.receive(sent[at : at + 1])
            states.append(gateway.session.open_head)
        whole = [len(PREFACE), len(PREFACE + settings()), len(sent)]
        assert [at + 1 for at, open_head in enumerate(states) if not open_head] == whole
        assert len(set(states[len(PREFACE + settings()) :])) == 2  # one head, whose number stays, and none


def test_every_frame_that_is_written_is_whole():
    gateway, client = pair(LIMITS)
    client.session.send_request(GET, end=True)
    written = client.output()
    assert sum(9 + len(one.payload) for one in frames(written)) == len(written)
    gateway.receive(written)
    assert names(gateway.calls.take()) == ["request"]
