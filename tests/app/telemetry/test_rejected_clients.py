from collections import Counter
from random import Random

from app.telemetry.rejected_clients import MOST_WAITING, PER_ROUTE, PER_RULE, PERIOD_S, RejectedClients


def test_a_rejection_counts_for_its_rule_and_its_route():
    rejected = RejectedClients()
    for client in ("acme", "zeta", "zeta", None):
        rejected.count("orders", client, "orders/per-client")
    rejected.count("orders", "acme", None)
    assert rejected.by_rule() == {"orders/per-client": [("zeta", 2), (None, 1), ("acme", 1)]}
    assert rejected.by_route() == {"orders": [("acme", 2), ("zeta", 2)]}


def test_what_is_shown_is_bounded():
    rejected = RejectedClients()
    for number in range(2 * PER_RULE):
        rejected.count("orders", f"client {number}", "a/b")
    assert (len(rejected.by_rule()["a/b"]), len(rejected.by_route()["orders"])) == (PER_RULE, PER_ROUTE)


def test_what_waits_is_bounded_and_none_of_it_is_lost():
    rejected = RejectedClients()
    for number in range(3 * MOST_WAITING):
        rejected.count(f"route {number}", "acme", "a/b")
        assert len(rejected._waiting) <= MOST_WAITING
    assert len(rejected.by_route()) == 3 * MOST_WAITING
    assert rejected.by_rule() == {"a/b": [("acme", 3 * MOST_WAITING)]}


def test_counted_in_one_go_a_client_is_never_too_low_and_too_high_by_the_bound_at_most():
    rejected, truth, random = RejectedClients(), Counter[str | None](), Random(7)
    for second in range(40):
        for _ in range(100):
            client = f"client {int(random.paretovariate(0.6)) % 500}"
            truth[client] += 1
            rejected.count("orders", client, "a/b")
        rejected.pass_time(float(second))
    shown = dict(rejected.by_rule()["a/b"])
    bound = truth.total() / PER_RULE
    assert all(truth[client] <= shown[client] <= truth[client] + bound for client in shown)
    assert all(client in shown for client, times in truth.items() if times > bound)


def test_the_period_before_is_shown_and_then_forgotten():
    rejected = RejectedClients()
    rejected.pass_time(100.0)
    rejected.count("orders", "acme", "a/b")
    rejected.pass_time(100.0 + PERIOD_S)
    rejected.count("orders", "acme", "a/b")
    assert rejected.by_rule() == {"a/b": [("acme", 2)]}
    rejected.pass_time(100.0 + 2 * PERIOD_S)
    assert rejected.by_rule() == {"a/b": [("acme", 1)]}
    rejected.pass_time(100.0 + 3 * PERIOD_S)
    assert (rejected.by_rule(), rejected.by_route()) == ({}, {})
