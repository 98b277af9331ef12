import pytest

from app.config.sync.newest import CERTIFICATES_PATH, ENDPOINTS_PATH, NOTHING_HELD, CertificatePem, Held
from app.config.sync.newest_codec import ENDPOINTS, decode_delta
from app.operator.sync import feeds as module
from app.operator.sync.feeds import new_feeds

ONE = {"service/shop/orders/80": (("10.0.0.5", 8080),)}


def test_nobody_hears_of_any_before_all_are_known():
    feed = new_feeds().endpoints
    feed.change(ONE)
    assert feed.newer_than(NOTHING_HELD) is None
    feed.replace(ONE)
    packed = feed.newer_than(NOTHING_HELD)
    assert packed is not None
    assert decode_delta(ENDPOINTS, packed).values == ONE


def test_that_there_are_none_is_news_too():
    feed = new_feeds().endpoints
    change = feed.next_change()
    assert feed.replace({})
    assert change.is_set()
    packed = feed.newer_than(NOTHING_HELD)
    assert packed is not None
    assert decode_delta(ENDPOINTS, packed).is_full
    assert not feed.replace({})


def test_gateways_that_hold_the_same_get_the_same_bytes():
    feed = new_feeds().endpoints
    feed.replace(ONE)
    before = feed.newer_than(NOTHING_HELD)
    assert feed.newer_than(NOTHING_HELD) is before
    feed.change({"other": ()})
    assert feed.newer_than(NOTHING_HELD) is not before
    assert feed.newer_than(feed.held) is None
    assert feed.values.keys() == {*ONE, "other"}


def test_packed_bytes_are_kept_for_few(monkeypatch):
    monkeypatch.setattr(module, "MAX_PACKED", 1)
    feed = new_feeds().endpoints
    feed.replace(ONE)
    feed.newer_than(NOTHING_HELD)
    stranger = Held("another boot", 3)
    assert feed.newer_than(stranger) is not feed.newer_than(stranger)


def test_polls_wake_with_a_change_and_at_the_end():
    feeds = new_feeds()
    change = feeds.certificates.next_change()
    feeds.certificates.replace({"secret/shop/cert": CertificatePem("CERT", "KEY")})
    assert (change.is_set(), feeds.certificates.next_change().is_set()) == (True, False)
    change = feeds.certificates.next_change()
    feeds.close()
    assert (change.is_set(), feeds.certificates.is_closed, feeds.endpoints.is_closed) == (True, True, True)


@pytest.mark.parametrize(
    ("path", "name"), [(ENDPOINTS_PATH, "endpoints"), (CERTIFICATES_PATH, "certificates"), ("/v1/sync", None)]
)
def test_each_is_polled_at_its_path(path, name):
    feeds = new_feeds()
    assert feeds.of(path) is (None if name is None else getattr(feeds, name))


def test_whether_a_gateway_holds_a_certificate_as_it_is_now():
    feed = new_feeds().certificates
    feed.replace({"a": CertificatePem("1", "1"), "b": CertificatePem("1", "1")})
    first = feed.held
    feed.change({"b": CertificatePem("2", "2")})
    assert [feed.is_held(name, first) for name in "abc"] == [True, False, False]
    assert [feed.is_held("a", held) for held in (None, Held("another boot", 9), feed.held)] == [
        False,
        False,
        True,
    ]
