from typing import Any

from app.telemetry.decisions import FREE_PASSES_PER_S, PASS_EVERY, DecisionRing, Entry, Filter, Mark

LINES = b'ratelimit-policy: "a";q=9;w=60, "b";q=1;w=1\r\nratelimit: "a";r=8;t=7, "b";r=0\r\n'


def entry(name: str = "id", **given: Any) -> Entry:
    fields = {
        "at": 100.0,
        "id": name.encode(),
        "trace": None,
        "method": b"GET",
        "status": 200,
        "reason": "",
        "error": "",
        "route": "orders",
        "runner_up": "default",
        "client": "acme",
        "tier": "gold",
        "lines": LINES,
        "policy": None,
        "breaker": ("orders", "closed"),
        "attempts": (),
        "duration": 0.5,
        "grpc_status": -1,
        **given,
    }
    return tuple(fields.values())  # in the order of an entry


def ids(ring: DecisionRing, limit: int = 10, **wanted: str) -> list[str]:
    return [each.request_id for each in ring.recent(Filter(**wanted), limit).decisions()]


def ring_of(*entries: Entry, capacity: int = 10) -> DecisionRing:
    ring = DecisionRing(capacity)
    for each in entries:
        ring.record(each)
    return ring


def test_an_entry_is_read_with_what_each_rule_has_left():
    found = ring_of(entry(trace=b"a" * 32, policy=("shop/orders", 7))).find("id")
    assert found is not None
    assert (found.request_id, found.trace_id, found.method) == ("id", "a" * 32, "GET")
    assert found.rules == (("a", 8), ("b", 0))
    assert (found.policy, found.generation, found.breaker) == ("shop/orders", 7, ("orders", "closed"))


def test_the_oldest_goes_first():
    ring = ring_of(*(entry(f"{number}", at=float(number)) for number in range(5)), capacity=3)
    assert ids(ring) == ["4", "3", "2"]
    assert (len(ring), ring.oldest_wall_s) == (3, 2.0)
    assert ring.find("1") is None


def test_an_empty_ring_reaches_nowhere():
    found = ring_of().recent(Filter(), 5)
    assert (found.entries, found.oldest_wall_s, found.mark) == ([], None, Mark(0, 0))


def test_an_id_used_twice_is_the_newest():
    found = ring_of(entry(status=200), entry(status=404)).find("id")
    assert found is not None
    assert found.status == 404


def test_filters_hold_together_and_the_limit_counts_what_is_found():
    ring = ring_of(
        entry("1", reason="rate_limited"),
        entry("2", reason="rate_limited", client=None),
        entry("3", reason="rate_limited", route="items"),
        entry("4"),
    )

    assert ids(ring, reason="rate_limited") == ["3", "2", "1"]
    assert ids(ring, reason="rate_limited", route="orders") == ["2", "1"]
    assert ids(ring, client="acme", route="orders") == ["4", "1"]
    assert ids(ring, limit=1, reason="rate_limited") == ["3"]


def test_a_breaker_is_the_one_that_was_met():
    ring = ring_of(entry("1"), entry("2", breaker=None), entry("3", breaker=("items", "open")))
    assert (ids(ring, breaker="orders"), ids(ring, breaker="items")) == (["1"], ["3"])


def test_a_policy_is_the_one_that_ended_it():
    ring = ring_of(entry("1"), entry("2", policy=("shop/limits", 7)))
    assert ids(ring, policy="shop/limits") == ["2"]


def test_a_reader_goes_on_from_its_mark_and_learns_what_it_missed():
    ring = ring_of(entry("1"), entry("2"))
    mark = ring.recent(Filter(), 10).mark
    assert ring.recent(Filter(), 10, mark).entries == []
    for number in range(3, 7):
        ring.record(entry(str(number), route="items" if number == 3 else "orders"))
    found = ring.recent(Filter(route="orders"), 2, mark)
    assert [each.request_id for each in found.decisions()] == ["6", "5"]
    assert (found.omitted, found.overwritten, found.restarted) == (1, 0, False)


def test_what_was_overwritten_unseen_is_counted():
    ring = ring_of(entry("1"), capacity=2)
    mark = ring.recent(Filter(), 10).mark
    for number in range(5):
        ring.record(entry(str(number)))
    found = ring.recent(Filter(), 10, mark)
    assert (len(found.entries), found.omitted, found.overwritten) == (2, 0, 3)


def test_a_mark_of_another_process_counts_as_none_read():
    ring = DecisionRing(2, process=7, limits_shared=True)
    for number in range(3):
        ring.record(entry(str(number)))
    found = ring.recent(Filter(), 10, Mark(6, 4711))
    assert [each.request_id for each in found.decisions()] == ["2", "1"]
    assert (found.overwritten, found.restarted, found.limits_shared) == (1, True, True)
    assert ring.recent(Filter(), 10, Mark(7, 4711)).entries == []  # no mark of ours, and no harm


def test_the_first_passes_of_a_second_are_kept_and_then_a_sample():
    ring = ring_of()
    assert all(ring.takes_pass() for _ in range(FREE_PASSES_PER_S))
    assert [ring.takes_pass() for _ in range(2 * PASS_EVERY)].count(True) == 2
    ring.pass_time(1.0)
    assert ring.takes_pass()
