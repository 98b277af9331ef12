from dataclasses import replace

import pytest

from app.admin.feed.onsets import Onset
from app.admin.feed.signals import FEWEST_TIMED, BreakerFacts, Facts, RuleFacts, Signal, signals
from app.breaker.registry import Breakers
from app.breaker.view import BreakerView
from app.config.edits import Edit
from app.config.rejection import Rejection
from app.policy.model import CircuitBreaker, LimitKey, LimitRule, OverrideState
from app.telemetry.counts import BOUNDS_S
from app.telemetry.history_sample import WINDOW_S

WALL_S = 1_764_000_000.0
RULE = LimitRule("per-client", LimitKey.CLIENT, 18, 60.0, 18)
CALM = Facts({"ok": 1_000})


NOW_S = 1_000.0
EDIT = Edit(WALL_S, 8, "gateway.yaml", ())


def seen(facts: Facts, *known: tuple[str, str, int], since_s: float = 1.0) -> list[Signal]:
    """`since_s`: how long ago the last look was that found what is `known`."""
    before = {key: Onset(WALL_S - 60.0, NOW_S - since_s) for key in known}
    return list(signals(facts, before, NOW_S, WALL_S))


def one(facts: Facts, *known: tuple[str, str, int]) -> Signal:
    (signal,) = seen(facts, *known)
    return signal


def view_of(overridden: bool = False, failures: int = 3) -> BreakerView:
    breakers = Breakers(lambda: WALL_S)
    breaker = breakers.get("orders", CircuitBreaker(consecutive_failures=3, open_duration_s=10.0))
    if overridden:
        breaker.override(OverrideState.OPEN, 60.0, "Ada", 0.0, WALL_S, "game day")
    for _ in range(0 if overridden else failures):
        call = breaker.admit(0.0)
        breaker.fail(call, 0.0, "upstream_connect", "Connection refused")  # type: ignore[arg-type]
    return breaker.view(1.0, WALL_S + 1.0)


def cells(fast: int, slow: int, slow_s: float) -> list[int]:
    """Durations: `fast` of a millisecond, `slow` in the bucket that ends at `slow_s`."""
    found = [0] * (len(BOUNDS_S) + 1)
    found[0] = fast
    found[BOUNDS_S.index(slow_s)] += slow
    return found


def test_a_calm_gateway_gives_no_signal():
    rule, breaker = RuleFacts("defaults/per-client", RULE, 1_000, 0), BreakerFacts("orders", 1_000, 0, 0)
    assert seen(replace(CALM, rules=(rule,), breakers=(breaker,), store_up=True)) == []


def test_a_rejected_configuration_says_its_first_fault_and_since_when():
    rejected = one(replace(CALM, rejection=Rejection(WALL_S, "gateway.yaml", ("line 3: no", "line 9: no"))))
    assert rejected.key == ("config_rejected", "gateway.yaml", 0)
    assert (rejected.since_wall_s, rejected.numbers) == (WALL_S, {"fault": "line 3: no", "faults": 2})
    bare = one(replace(CALM, rejection=Rejection(WALL_S, "sync", ())))
    assert bare.numbers == {"fault": "", "faults": 0}


@pytest.mark.parametrize(
    ("allowed", "limited", "is_known", "found"),
    [
        (95, 5, False, True),
        (96, 4, False, False),
        (97, 3, True, True),  # until it is below half
        (98, 2, True, False),
        (0, 1, False, False),  # one alone
        (0, 2, False, True),
    ],
)
def test_a_limit_is_a_problem_from_a_twentieth_on(allowed, limited, is_known, found):
    facts = replace(CALM, rules=(RuleFacts("defaults/per-client", RULE, allowed, limited),))
    known = [("limit", "defaults/per-client", 0)] if is_known else []
    assert bool(seen(facts, *known)) is found


def test_a_limit_says_its_numbers_and_its_share():
    limit = one(replace(CALM, rules=(RuleFacts("defaults/per-client", RULE, 33, 67),)))
    assert (limit.lost, limit.numbers) == (
        67,
        {"rule": "per-client", "key": "Client", "requests": 18, "periodS": 60.0, "ownShare": 0.67},
    )


def test_a_breaker_that_is_not_closed_says_since_when_why_and_what_it_loses():
    down = one(replace(CALM, breakers=(BreakerFacts("orders", 2, 2, 8, view=view_of()),)))
    assert (down.key, down.lost, down.since_wall_s) == (("breaker", "orders", 0), 10, WALL_S)
    assert down.numbers == {
        "state": "open",
        "failedProbes": 0,
        "reason": "consecutive_failures",
        "error": "upstream_connect",
        "forced": None,
    }


def test_a_forced_breaker_says_by_whom_and_no_error():
    forced = one(replace(CALM, breakers=(BreakerFacts("orders", 0, 0, 0, view=view_of(overridden=True)),)))
    assert forced.numbers["forced"] == {"by": "Ada", "why": "game day"}
    assert forced.numbers["error"] is None


def test_a_view_of_a_closed_breaker_is_no_problem():
    assert seen(replace(CALM, breakers=(BreakerFacts("orders", 9, 0, 0, view=view_of(failures=1)),))) == []


def test_errors_count_from_one_in_a_hundred_on():
    failing = one(replace(CALM, breakers=(BreakerFacts("orders", 200, 2, 0),)))
    assert (failing.key, failing.lost, failing.numbers) == (("errors", "orders", 0), 2, {"ownShare": 0.01})
    assert seen(replace(CALM, breakers=(BreakerFacts("orders", 201, 2, 0),))) == []
    still = ("errors", "orders", 0)
    assert one(replace(CALM, breakers=(BreakerFacts("orders", 300, 2, 0),)), still).key == still


def test_upstream_errors_that_no_breaker_counts_are_seen_as_well():
    facts = Facts({"ok": 90, "upstream_error": 10}, breakers=(BreakerFacts("orders", 100, 2, 0),))
    by_breaker, rest = seen(facts)
    assert (by_breaker.lost, rest.key, rest.lost, rest.numbers) == (
        2,
        ("errors", "", 0),
        8,
        {"ownShare": 0.08},
    )


def test_slow_calls_near_what_opens_the_breaker_are_slow():
    near = BreakerFacts("orders", 40, 0, 0, slow=(13, 40, 0.4))
    assert one(replace(CALM, breakers=(near,))).numbers == {"ownShare": 0.325, "opensAt": 0.4, "p99Ms": None}
    off = replace(near, slow=(10, 40, 0.4))
    assert seen(replace(CALM, breakers=(off,))) == []
    assert one(replace(CALM, breakers=(off,)), ("slow", "orders", 0)).key == ("slow", "orders", 0)


def test_a_p99_of_over_half_the_timeout_is_slow():
    slow = BreakerFacts("orders", 100, 0, 0, cells(90, 10, 5.0), timeout_s=6.0)
    found = one(replace(CALM, breakers=(slow,)))
    assert found.numbers == {"p99Ms": 4750, "timeoutS": 6.0}
    assert seen(replace(CALM, breakers=(replace(slow, timeout_s=10.0),))) == []
    assert seen(replace(CALM, breakers=(replace(slow, timeout_s=0.0),))) == [], "it waits for ever"
    few = replace(slow, cells=cells(0, FEWEST_TIMED - 1, 5.0))
    assert seen(replace(CALM, breakers=(few,))) == []


def test_what_is_longer_than_the_histogram_tells_is_slow_whatever_the_timeout():
    longest = [0] * len(BOUNDS_S) + [20]
    assert (
        one(replace(CALM, breakers=(BreakerFacts("orders", 20, 0, 0, longest, 60.0),))).numbers["p99Ms"]
        == 10_000
    )


def test_the_gateways_own_troubles():
    facts = Facts(
        {"ok": 10, "overloaded": 3, "limit_store_down": 2, "internal_error": 1, "draining": 4},
        store_up=False,
        draining=True,
        is_waiting=True,
    )
    assert {signal.key[0]: signal.lost for signal in seen(facts)} == {
        "overload": 3,
        "store": 2,
        "internal": 1,
        "draining": 4,
    }
    assert [signal.key[0] for signal in seen(Facts({}, is_waiting=True))] == ["not_ready"]


def test_what_a_limit_rejected_before_it_was_loosened_is_no_news():
    rule = RuleFacts("defaults/per-client", RULE, 33, 67, EDIT, is_cut=False)
    assert seen(replace(CALM, rules=(rule,))) == []
    long_ago = replace(rule, edit=replace(EDIT, at_wall_s=WALL_S - WINDOW_S))
    assert one(replace(CALM, rules=(long_ago,))).key == ("limit", "defaults/per-client", 0)
    cut = one(replace(CALM, rules=(replace(rule, is_cut=True),)))
    assert (cut.key, cut.cut) == (("limit", "defaults/per-client", 8), EDIT)


def test_what_failed_before_a_breaker_closed_is_no_news():
    closed = replace(CALM, breakers=(BreakerFacts("orders", 10, 9, 0),))
    down = ("breaker", "orders", 0)
    assert seen(closed, down, since_s=WINDOW_S - 0.1) == []
    (failing,) = seen(closed, down, since_s=WINDOW_S)
    assert failing.key == ("errors", "orders", 0)


def test_a_limit_that_rejects_for_want_of_its_store_is_not_the_problem():
    waits = RuleFacts("defaults/per-client", RULE, 0, 9, needs_store=True)
    facts = replace(CALM, rules=(waits,), store_up=False)
    assert [signal.key[0] for signal in seen(facts)] == ["store"]
    again, store = replace(facts, store_up=True), ("store", "", 0)
    assert seen(again, store, since_s=WINDOW_S - 0.1) == [], "it has just come back"
    assert [signal.key[0] for signal in seen(again, store, since_s=WINDOW_S)] == ["limit"]
    alone = replace(facts, rules=(replace(waits, needs_store=False),))
    assert [signal.key[0] for signal in seen(alone)] == ["limit", "store"]
