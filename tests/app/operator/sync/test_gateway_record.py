import pytest

from app.config.sync.messages import TransitionReport
from app.operator.snapshot.lineages import SETTLED_S
from app.operator.sync.gateway_record import NO_CHANGE, GatewayRecord
from tests.app.operator.samples import LINEAGE, OTHER_LINEAGE, breaker, call


def transition(number):
    return TransitionReport(number, "orders", "closed", "open", "failure_rate", 1.0, ("uid-orders",))


def record_of(*calls):
    """A gateway that made these calls, one a second from 1,000 on."""
    record = GatewayRecord(calls[0].instance)
    for number, one in enumerate(calls):
        record.take(one, 1_000.0 + number)
    return record


def test_a_call_that_repeats_the_last_one_changes_nothing():
    record = record_of(call("a", 1, applied=7))
    assert record.take(call("a", 2, applied=7), 1_001.0) == NO_CHANGE
    assert record.seen_s == 1_001.0


@pytest.mark.parametrize(
    ("known", "later"),
    [
        (call("a", 2), call("a", 2)),
        (call("a", 2), call("a", 1)),
        (call("a", 1, applied=7), call("a", 2, applied=6)),
        (call("a", 1, applied=7), call("a", 2)),
    ],
    ids=["the same", "an earlier call", "an earlier snapshot", "none after one"],
)
def test_what_is_older_than_the_last_call_is_a_replay(known, later):
    assert record_of(known).is_replay(later)


def test_an_earlier_boot_is_a_replay_and_a_new_one_is_not():
    record = record_of(call("a", 9), call("a", 1, boot="boot-2"))
    assert record.is_replay(call("a", 10, boot="boot-1"))
    assert not record.is_replay(call("a", 1, boot="boot-3"))


def test_another_lineage_may_have_lower_numbers():
    assert not record_of(call("a", 1, applied=7)).is_replay(call("a", 2, applied=1, lineage=OTHER_LINEAGE))


def test_a_transition_is_new_once_in_a_boot():
    record = record_of(call("a", 1, transitions=[transition(1)]))
    assert record.take(call("a", 2, transitions=[transition(1)]), 1_001.0).transitions == ()
    again = record.take(call("a", 1, boot="boot-2", transitions=[transition(1)]), 1_002.0)
    assert again.transitions == (transition(1),)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"applied": 8}, "applied_changed"),
        ({"applied": 7, "breakers": [breaker("orders")]}, "report_changed"),
        ({"applied": 7, "routes": ["other"]}, "report_changed"),
        ({"applied": 7, "errors": {("orders", 1): "bad"}}, "report_changed"),
        ({"applied": 7, "rejected": 8}, "snapshot_rejected"),
        ({"applied": 7, "limit_store_up": False}, "store_changed"),
    ],
)
def test_what_differs_is_a_change(given, field):
    assert getattr(record_of(call("a", 1, applied=7)).take(call("a", 2, **given), 1_001.0), field)


def test_a_store_that_is_reached_from_the_start_is_no_change():
    record = GatewayRecord(call("a").instance)
    changes = [
        record.take(call("a", number, limit_store_up=up), 1_000.0).store_changed
        for number, up in enumerate((True, False, False, None, True), 1)
    ]
    assert changes == [False, True, False, False, False]


def test_the_first_lineage_is_settled_and_a_later_one_after_a_while():
    record = record_of(call("a", 1, applied=7))
    first = record.is_settled(1_000.0)
    record.take(call("a", 2, applied=1, lineage=OTHER_LINEAGE), 1_010.0)
    assert [first, record.is_settled(1_010.0), record.is_settled(1_010.0 + SETTLED_S)] == [True, False, True]


def test_a_sequence_counts_in_its_own_lineage():
    record = record_of(call("a", 1, applied=7))
    assert (record.sequence_in(LINEAGE), record.sequence_in(OTHER_LINEAGE)) == (7, 0)


@pytest.mark.parametrize(
    ("given", "text", "rejected"),
    [
        ({"applied": 7}, "", (0, "")),
        ({"applied": 7, "errors": {("a", 1): "too new", ("b", 1): "odd"}}, "too new; odd", (0, "")),
        ({"rejected": 8, "message": "no JSON"}, "no JSON", (8, "no JSON")),
        ({"rejected": 8, "message": ""}, "rejected the snapshot", (8, "")),
        ({}, "", (0, "")),
    ],
)
def test_what_went_wrong_is_said_in_words(given, text, rejected):
    record = record_of(call("a", 1, **given))
    assert (record.error_text, record.rejected_in(LINEAGE)) == (text, rejected)
    assert record.rejected_in(OTHER_LINEAGE) == (0, "")
