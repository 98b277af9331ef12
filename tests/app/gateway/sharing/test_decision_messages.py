import orjson
import pytest

from app.foundation.reasons import Reason
from app.gateway.sharing.decision_messages import entry_json, entry_of
from app.telemetry.decisions import DecisionRing, Entry, Filter

ENTRY: Entry = (
    5.5,
    b"abc\xff",
    b"0" * 32,
    b"GET",
    503,
    Reason.BREAKER_OPEN,
    "no\nresponse",
    "r",
    "next",
    "acme",
    "gold",
    b'ratelimit: "all";r=3;t=1\r\n',
    ("p", 4),
    ("u", "open"),
    (("10.0.0.1:80", "status_503", 1.5, 2.0), (None, "upstream_connect", None, 3.0)),
    0.25,
    -1,
)
BARE: Entry = (
    5.5,
    b"a",
    None,
    b"GET",
    200,
    "",
    "",
    None,
    None,
    None,
    None,
    b"",
    None,
    None,
    (),
    0.1,
    0,
)


@pytest.mark.parametrize("entry", [ENTRY, BARE], ids=["full", "bare"])
def test_a_decision_arrives_as_it_was_sent(entry):
    arrived = entry_of(orjson.loads(orjson.dumps(entry_json(entry))))
    assert arrived == entry
    rings = [DecisionRing(1), DecisionRing(1)]
    for ring, one in zip(rings, (entry, arrived), strict=True):
        ring.record(one)
    found = [ring.recent(Filter(), 1).decisions() for ring in rings]
    assert found[0] == found[1]


def test_words_that_many_have_are_one_object():
    one, other = (entry_of(orjson.loads(orjson.dumps(entry_json(ENTRY)))) for _ in range(2))
    assert one[7] is other[7]
    assert one[5] is other[5]


def test_a_ring_is_taken_over_once():
    ring = DecisionRing(2, free_passes_per_s=1)
    assert (ring.takes_pass(), ring.takes_pass()) == (True, False)
    ring.record(ENTRY)
    assert ring.take() == [ENTRY]
    assert ring.take() == []
    ring.pass_time(1.0)
    assert ring.takes_pass()
