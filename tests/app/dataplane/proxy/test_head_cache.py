from app.dataplane.codec.fields import Hop
from app.dataplane.codec.heads import RequestHead
from app.dataplane.codec.request import Request
from app.dataplane.proxy.head_cache import MAX_HEAD_BYTES, Repeats

HOP = Hop("192.0.2.1", "http")


def request(hop=HOP):
    return Request(b"GET", (b"/", None, None), [], RequestHead(), hop)


def test_a_kept_head_is_found_over_connections_of_the_same_client_only():
    repeats, kept = Repeats(), request()
    repeats.keep(b"a", kept)
    assert repeats.find(b"a", HOP) is kept
    assert repeats.find(b"b", HOP) is None
    assert repeats.find(b"a", Hop("192.0.2.2", "http")) is None


def test_it_is_bounded_and_what_is_asked_for_stays():
    repeats = Repeats(capacity=2)
    kept = request()
    repeats.keep(b"hot", kept)
    for number in range(20):
        repeats.keep(b"%d" % number, request())
        assert repeats.find(b"hot", HOP) is kept
    assert [n for n in range(20) if repeats.find(b"%d" % n, HOP) is not None] == [18, 19]


def test_a_long_head_is_not_kept():
    repeats = Repeats()
    repeats.keep(b"x" * (MAX_HEAD_BYTES + 1), request())
    assert repeats.find(b"x" * (MAX_HEAD_BYTES + 1), HOP) is None


def test_nothing_is_found_after_clear():
    repeats = Repeats()
    repeats.keep(b"a", request())
    repeats.clear()
    assert repeats.find(b"a", HOP) is None
