import pytest

from app.dataplane.codec.field_lines import pairs_of
from app.dataplane.codec.field_pairs import read_trailers
from app.dataplane.codec.fields import REQUEST_LINES
from app.dataplane.codec.forwarded import PeerIdentity
from app.dataplane.codec.http2_request import read_http2_request, unread_http2_request
from app.dataplane.codec.request import CHUNKED, read_request
from app.foundation.reasons import Reason

PEER = PeerIdentity("192.0.2.1", "https")
METHOD, SCHEME, PATH = (b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/a?b=1")
AUTHORITY = (b":authority", b"gateway.test")
HEAD = (METHOD, SCHEME, AUTHORITY, PATH)
WEBSOCKET = ((b":method", b"CONNECT"), (b":protocol", b"websocket"), SCHEME, PATH, AUTHORITY)


def read(*pairs, end=True, peer=PEER):
    return read_http2_request(pairs, end, peer.http2)


def detail(request):
    assert request.rejection is not None
    assert request.rejection.reason is Reason.REQUEST_MALFORMED
    return request.rejection.detail


def post(*pairs, end=False):
    return read((b":method", b"POST"), SCHEME, PATH, AUTHORITY, *pairs, end=end)


class TestTheSameAsHttp1:
    FIELDS = (
        (b"user-agent", b"curl"),
        (b"x-api-key", b"k"),
        (b"authorization", b"Bearer t"),
        (b"traceparent", b"00-1"),
        (b"x-request-id", b"r"),
        (b"expect", b"100-continue"),
        (b"via", b"2 before"),
        (b"accept", b"*/*"),
        (b"cookie", b"a=1; b=2"),
    )

    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_a_request_is_read_into_the_same_value(self, times):
        lines = [b"GET /a?b=1 HTTP/1.1", b"host: gateway.test", *(b"%b: %b" % pair for pair in self.FIELDS)]
        before = read_request(b"\r\n".join(lines), PEER)
        for _ in range(times):  # from the second time on its lines are kept
            request = read(*HEAD, *self.FIELDS)
        assert request.rejection is before.rejection is None
        same = (
            "method target path query host length_bytes close expects_continue agent authorization brought lines"
            " options request_id traceparent upgrade websocket x_api_key client_ip"
        )
        for name in same.split():
            assert getattr(request, name) == getattr(before, name), name
        assert pairs_of(request.fields) == pairs_of(before.fields)
        assert (request.protocol, before.protocol) == ("HTTP/2", "HTTP/1.1")
        assert request.peer.via == b"2 tidegate"

    def test_the_authority_counts_as_no_field(self):
        assert read(*HEAD, (b"a", b"")).pseudo_fields == 1
        assert read(METHOD, SCHEME, PATH, (b"host", b"gateway.test")).pseudo_fields == 0

    def test_a_trusted_proxy_is_believed(self):
        from app.dataplane.codec.forwarded import parse_networks

        peer = PeerIdentity("10.0.0.1", "https", parse_networks("10.0.0.0/8"))
        request = read(*HEAD, (b"x-forwarded-for", b"198.51.100.7"), peer=peer)
        assert request.client_ip == "198.51.100.7"


class TestPseudoFields:
    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
    def test_they_come_in_any_order(self, order):
        request = read(*(HEAD[at] for at in order), (b"a", b"1"))
        assert request.rejection is None
        assert (request.method, request.path, request.query, request.host) == (
            b"GET",
            b"/a",
            b"b=1",
            b"gateway.test",
        )

    @pytest.mark.parametrize(
        "pairs",
        [
            (*HEAD, PATH),
            (*HEAD, (b":path", b"/other")),
            (METHOD, *HEAD),
            (*HEAD, AUTHORITY),
            (*HEAD, (b":status", b"200")),
            (*HEAD, (b":x", b"")),
            ((b":x", b""), *HEAD),
            (*HEAD[:3], (b"a", b"1"), PATH),
            ((b"a", b"1"), *HEAD),
        ],
    )
    def test_strange_doubled_or_late_ones_are_malformed(self, pairs):
        assert detail(read(*pairs)) == "a field line is malformed"

    @pytest.mark.parametrize(
        ("pairs", "said"),
        [
            (HEAD[1:], "the method is not one of HTTP"),
            (((b":method", b"get"), *HEAD[1:]), "the method is not one of HTTP"),
            (((b":method", b"GET / HTTP/1.1\r\nx:"), *HEAD[1:]), "the method is not one of HTTP"),
            ((METHOD, AUTHORITY, PATH), ":scheme can only be http or https"),
            ((METHOD, (b":scheme", b"ftp"), AUTHORITY, PATH), ":scheme can only be http or https"),
            (HEAD[:3], ":path is no path"),
            ((*HEAD[:3], (b":path", b"")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"a")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"*")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"https://other.test/")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"/a b")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"/a HTTP/1.1\r\nx: y")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"/a#b")), ":path is no path"),
            ((*HEAD[:3], (b":path", b"/\xe4")), ":path is no path"),
            ((METHOD, SCHEME, PATH), "Host is missing"),
            ((METHOD, SCHEME, PATH, (b":authority", b"")), "Host is no host and port"),
            ((METHOD, SCHEME, PATH, (b":authority", b"user@gateway.test")), "Host is no host and port"),
            ((METHOD, SCHEME, PATH, (b":authority", b"a\r\nx: y")), "a field line is malformed"),
            ((*HEAD, (b":protocol", b"websocket")), ":protocol is for CONNECT only"),
        ],
    )
    def test_each_says_what_is_wrong(self, pairs, said):
        assert detail(read(*pairs)) == said

    def test_the_asterisk_is_for_options(self):
        assert read((b":method", b"OPTIONS"), SCHEME, AUTHORITY, (b":path", b"*")).path == b"*"

    def test_connect_names_a_host_only(self):
        request = read((b":method", b"CONNECT"), AUTHORITY)
        assert (request.rejection, request.target) == (None, b"gateway.test")
        said = detail(read((b":method", b"CONNECT"), AUTHORITY, PATH))
        assert said == "CONNECT has neither :path nor :scheme"


class TestHost:
    def test_it_may_stand_beside_the_authority_once_where_it_is_the_same(self):
        request = read(*HEAD, (b"host", b"Gateway.Test"))
        assert request.rejection is None
        assert request.host == b"Gateway.Test"

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            (
                (AUTHORITY, (b"host", b"other.test")),
                "Host and :authority differ; send :authority alone",
            ),
            (
                (AUTHORITY, (b"host", b"gateway.test"), (b"host", b"gateway.test")),
                "Host is there twice; send it once",
            ),
            (
                ((b"host", b"gateway.test"), (b"host", b"gateway.test")),
                "Host is there twice; send it once",
            ),
        ],
    )
    def test_another_or_a_second_one_is_malformed(self, fields, said):
        assert detail(read(METHOD, SCHEME, PATH, *fields)) == said


class TestBody:
    def test_its_length_is_that_of_the_field_or_of_the_stream(self):
        assert post().length_bytes == CHUNKED
        assert post(end=True).length_bytes == 0
        assert post((b"content-length", b"5")).length_bytes == 5
        assert post((b"content-length", b"0")).length_bytes == CHUNKED
        assert post((b"content-length", b"0"), end=True).length_bytes == 0

    @pytest.mark.parametrize(
        ("field", "said"),
        [
            ((b"content-length", b"5,5"), "Content-Length is not a number"),
            ((b"content-length", b"+5"), "Content-Length is not a number"),
            ((b"transfer-encoding", b"chunked"), "HTTP/2 has no Transfer-Encoding"),
            ((b"connection", b"close"), "HTTP/2 has no connection"),
            ((b"keep-alive", b"5"), "HTTP/2 has no keep-alive"),
            ((b"proxy-connection", b"close"), "HTTP/2 has no proxy-connection"),
            ((b"upgrade", b"websocket"), "HTTP/2 has no upgrade"),
            ((b"te", b"trailers, gzip"), "TE can only be trailers in HTTP/2"),
        ],
    )
    def test_what_would_frame_it_otherwise_is_malformed(self, field, said):
        assert detail(post(field)) == said

    def test_a_length_that_is_there_twice_or_that_nothing_follows_is_malformed(self):
        length = (b"content-length", b"5")
        assert detail(post(length, length)) == "Content-Length is there twice; send it once"
        assert detail(post(length, end=True)) == "Content-Length promises a body, and none comes"

    def test_trailers_are_asked_for_by_te_alone(self):
        request = post((b"te", b"trailers"), (b"proxy-authorization", b"Basic x"))
        assert request.rejection is None
        assert request.te_trailers
        assert request.lines == []


class TestFields:
    @pytest.mark.parametrize(
        "pair",
        [
            (b"", b"1"),
            (b"Upper", b"1"),
            (b"a b", b"1"),
            (b"a:b", b"1"),
            (b"a\r\nb", b"1"),
            (b"a", b"1\r\nb: c"),
            (b"a", b"1\nb: c"),
            (b"a", b"1\0"),
            (b"a", b" 1"),
            (b"a", b"1\t"),
            (b"host:", b"other.test"),
        ],
    )
    @pytest.mark.parametrize("times", [1, 3])
    def test_a_field_that_would_be_another_in_a_line_is_malformed(self, pair, times):
        for _ in range(times):
            assert detail(read(*HEAD, pair)) == "a field line is malformed"
            assert read_trailers([pair], REQUEST_LINES) is None
            read_request(
                b"GET / HTTP/1.1\r\nHost: a\r\n%b: %b" % pair, PEER
            )  # may be well formed there, and kept

    def test_cookies_that_come_one_by_one_are_one_field(self):
        request = read(*HEAD, (b"cookie", b"a=1"), (b"accept", b"x"), (b"cookie", b"b=2"), (b"accept", b"y"))
        assert request.lines == [b"accept: x\r\n", b"accept: y\r\n", b"cookie: a=1; b=2\r\n"]


class TestWebSocket:
    def test_an_extended_connect_is_the_get_of_http1(self):
        request = read(*WEBSOCKET, (b"sec-websocket-version", b"13"), end=False)
        assert request.rejection is None
        assert (request.method, request.websocket, request.length_bytes) == (b"GET", True, 0)
        assert (request.path, request.host) == (b"/a", b"gateway.test")

    def test_other_protocols_are_not_offered(self):
        pairs = [
            (b":protocol", b"connect-udp") if name == b":protocol" else (name, value)
            for name, value in WEBSOCKET
        ]
        assert detail(read(*pairs)) == ":protocol can only be websocket"


def test_a_head_that_never_became_a_request_has_a_stand_in():
    request = unread_http2_request(
        Reason.REQUEST_MALFORMED, "the head breaks the rules of HTTP/2", PEER.http2
    )
    assert detail(request) == "the head breaks the rules of HTTP/2"
    assert request.protocol == "HTTP/2"
