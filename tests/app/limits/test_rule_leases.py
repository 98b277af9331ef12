from app.limits.lease import Grant, Lease, Order
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, compile_rules
from app.limits.rule_leases import MAX_UNREPORTED_CLIENTS, RuleLeases, wait_s
from app.policy.model import LimitKey, LimitRule, RateLimit

START_S = 1000.0


def rule(requests: int = 100) -> Rule:
    return compile_rules("p", RateLimit((LimitRule("r", LimitKey.CLIENT, requests, 60.0, requests),)))[0]


def test_a_call_tells_numbers_since_when_and_what_is_asked():
    group = RuleLeases(rule(), START_S)
    call = group.call(Lease(b"acme", START_S), Order(1, 5, 2, 77, 3), 4, START_S + 1.5)
    assert call.sent.name == b"tidegate:limit:{p/r/acme}"
    assert call.sent.numbers == (100, 60_000, 100, 1500, 1, 5, 4, 2, 77, 3)


def test_usage_whose_call_failed_stays_unreported():
    group, memory = RuleLeases(rule(), START_S), MemoryLimiter()
    memory.remember(group.own(1), b"acme", 10 * rule().numbers.cost, START_S)
    group.call(Lease(b"acme", START_S), Order(0, 0, unreported=3), 1, START_S).on_failure(START_S)
    assert group.take_unreported(b"acme", memory, 1, START_S) == 3
    assert group.take_unreported(b"acme", memory, 1, START_S) == 0


def test_usage_that_the_own_bucket_has_won_back_is_not_reported():
    group, memory = RuleLeases(rule(), START_S), MemoryLimiter()
    memory.remember(group.own(1), b"acme", 5 * rule().numbers.cost, START_S)
    group.add_unreported(b"acme", 80)
    assert group.take_unreported(b"acme", memory, 1, START_S) == 5


def test_unreported_usage_is_bounded():
    group = RuleLeases(rule(), START_S)
    for number in range(MAX_UNREPORTED_CLIENTS + 5):
        group.add_unreported(b"%d" % number, 1)
    group.add_unreported(b"0", 1)
    assert len(group.unreported_usage) == MAX_UNREPORTED_CLIENTS
    assert group.unreported_usage[b"0"] == 2


def test_unreported_usage_outlives_an_edit():
    group = RuleLeases(rule(), START_S)
    group.add_unreported(b"acme", 3)
    assert group.edited(rule(50), START_S + 1.0).unreported_usage == {b"acme": 3}


def test_the_count_here_begins_with_what_the_store_said_last():
    group, memory, lease = RuleLeases(rule(), START_S), MemoryLimiter(), Lease(b"acme", START_S)
    group.leases[b"acme"] = lease
    lease.take_in(Grant(10, 50, 0, 1, 30_000), group.numbers, START_S)  # 50 used, of which 10 are in hand
    group.remember_in(memory, lease, 1, START_S + 6.0)  # in 6 s it wins back 10
    assert memory.used(group.own(1), b"acme", START_S + 6.0) == 30


def test_what_is_known_is_handed_over_once():
    group, memory, lease = RuleLeases(rule(), START_S), MemoryLimiter(), Lease(b"acme", START_S)
    group.remember_in(memory, lease, 1, START_S)
    assert memory.clients == 0
    lease.take_in(Grant(0, 50, 0, 1, 30_000), group.numbers, START_S)
    group.remember_in(memory, lease, 1, START_S)
    memory.remember(group.own(1), b"acme", rule().numbers.cost, START_S)
    group.remember_in(memory, lease, 1, START_S)
    assert memory.used(group.own(1), b"acme", START_S) == 1


def test_the_own_part_is_made_once_for_a_number_of_gateways():
    group = RuleLeases(rule(), START_S)
    assert group.own(2) is group.own(2)
    assert group.own(3) is not group.own(2)


def test_the_item_tells_what_is_in_hand_and_beyond_and_when_the_bucket_is_full():
    group, lease = RuleLeases(rule(), START_S), Lease(b"acme", START_S)
    lease.take_in(Grant(10, 50, 0, 1, 24_000), group.numbers, START_S)  # 40 used, of which 10 are in hand
    assert group.item(lease) == b'"r";r=60;t=18'
    lease.used_units = 0
    assert group.item(lease) == b'"r";r=60;t=0'


def test_the_wait_is_told_in_whole_seconds_and_at_least_one():
    lease = Lease(b"acme", START_S)
    lease.next_s = START_S + 60.0
    assert [wait_s(lease, START_S + s) for s in (0.0, 0.5, 59.0, 59.5, 61.0)] == [60, 60, 1, 1, 1]
