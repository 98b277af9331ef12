from app.telemetry.rejected_clients import PER_ROUTE, PER_RULE, PERIOD_S, RejectedClients


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
