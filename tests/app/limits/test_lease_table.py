import pytest

from app.limits.lease import LENT_S, LOOK_S, Lease, Order
from app.limits.lease_table import MOST_SWEPT_PER_TICK, USAGE_REPORTS_PER_PIPELINE, LeaseTable
from app.limits.memory import MemoryLimiter
from app.limits.rule import Rule, compile_rules
from app.limits.rule_leases import Call, RuleLeases
from app.policy.model import LimitKey, LimitRule, OnStoreFailure, RateLimit
from tests.fakes.lease_store import SimulatedStore

START_S = 86_400.25
KEY = b"acme"


def rule(requests: int = 100, name: str = "r", failure: OnStoreFailure = OnStoreFailure.CLOSED) -> Rule:
    written = LimitRule(name, LimitKey.CLIENT, requests, 3600.0, requests)
    return compile_rules("p", RateLimit((written,), failure))[0]


class Table:
    """One table by hand, with a store; `woken` counts the wakes."""

    def __init__(self) -> None:
        self.woken = 0
        self.now_s = START_S
        self.store = SimulatedStore()
        self.memory = MemoryLimiter(1000)
        self.leases = LeaseTable(self.memory, self._wake)
        self.leases.set_up(1)

    def _wake(self) -> None:
        self.woken += 1

    def ask(self, one: Rule, key: bytes = KEY) -> None:
        group = self.leases.group(one, self.now_s)
        lease = group.leases.get(key) or self.leases.new_lease(group, key, self.now_s)
        self.leases.ask(group, lease, self.now_s)

    def due(self) -> tuple[RuleLeases, Lease]:
        taken = self.leases.next_due()
        assert taken is not None
        return taken

    def calls(self) -> list[Call]:
        calls = []
        while due := self.leases.next_due():
            call = self.leases.call(*due, self.now_s)
            if call is not None:
                calls.append(call)
        return calls

    def land(self, calls: list[Call]) -> None:
        grants = self.store.reply([call.sent for call in calls], self.now_s)
        self.leases.on_reply(calls, grants, self.now_s)

    def hold_tokens(self, one: Rule, count: int, key: bytes = KEY) -> tuple[RuleLeases, Lease]:
        """So many tokens in hand, as if the store had handed them out for requests that are gone."""
        self.ask(one, key)
        group, lease = self.due()
        self.land([group.call(lease, Order(count, count), 1, self.now_s)])
        return group, lease


@pytest.fixture
def table():
    return Table()


def test_a_lease_is_called_for_once_however_often_it_is_asked_for(table):
    lease = table.leases.new_lease(table.leases.group(rule(), START_S), KEY, START_S)
    table.ask(rule())
    table.ask(rule())
    assert table.woken == 1
    assert table.leases.next_due() == (table.leases.groups[rule().identity], lease)
    assert table.leases.next_due() is None


def test_a_lease_with_nothing_to_ask_for_makes_no_call_and_may_be_asked_for_again(table):
    table.ask(rule())
    assert table.calls() == []
    table.ask(rule())
    assert table.leases.next_due() is not None


def test_a_bucket_that_was_empty_is_asked_at_a_distance(table):
    one = rule(3)
    table.hold_tokens(one, 3)
    group = table.leases.groups[one.identity]
    group.leases[KEY].ask_from_s = table.now_s + 0.02
    woken = table.woken
    table.ask(one)
    assert table.leases.next_due() is None
    assert table.leases.sweep(table.now_s)  # something is left to be done by time
    table.leases.make_later_due()
    assert table.leases.next_due() == (group, group.leases[KEY])
    assert table.woken == woken + 2


def test_the_same_numbers_compiled_again_keep_their_leases(table):
    table.hold_tokens(rule(), 5)
    assert table.leases.group(rule(), START_S).leases[KEY].left == 5


def test_other_numbers_begin_without_leases_and_the_old_ones_go_back(table):
    table.hold_tokens(rule(100), 5)
    assert table.leases.group(rule(200), START_S).leases == {}
    assert [call.order.back for call in table.calls()] == [5]


def test_a_rule_that_is_gone_leaves_no_client_and_gives_back(table):
    stays, goes = rule(name="stays"), rule(name="goes")
    table.hold_tokens(stays, 2)
    table.hold_tokens(goes, 3)
    assert table.leases.clients == 2
    table.leases.keep_only({stays.identity: stays}, START_S)
    assert (table.leases.clients, list(table.leases.groups)) == (1, [stays.identity])
    assert [call.order.back for call in table.calls()] == [3]


def test_nobody_looks_at_the_leases_of_a_rule_that_is_gone(table):
    table.leases.new_lease(table.leases.group(rule(), START_S), KEY, START_S)
    table.leases.keep_only({}, START_S)
    assert not table.leases.sweep(START_S + 5.0)


def test_tokens_that_arrive_for_a_rule_that_is_gone_go_back(table):
    table.ask(rule())
    group, lease = table.due()
    call = group.call(lease, Order(4, 4), 1, START_S)
    table.leases.keep_only({}, START_S)
    table.land([call])
    assert [back.order.back for back in table.calls()] == [4]


def test_without_a_store_nothing_is_given_back_and_no_call_is_left(table):
    table.hold_tokens(rule(), 5)
    table.ask(rule())
    table.leases.set_down()
    assert table.leases.next_due() is None
    table.leases.give_back_all()
    assert table.leases.next_due() is None


def test_unused_tokens_go_back_when_their_time_is_over_and_the_client_is_forgotten_after_it(table):
    table.hold_tokens(rule(), 5)
    table.now_s += 0.3
    assert table.leases.sweep(table.now_s)
    calls = table.calls()
    assert [call.order.back for call in calls] == [5]
    table.land(calls)
    table.now_s += 1.0
    assert not table.leases.sweep(table.now_s)
    assert table.leases.clients == 0


def test_what_was_known_of_a_forgotten_client_stands_in_for_the_store(table):
    one = rule(10, failure=OnStoreFailure.LOCAL)
    table.hold_tokens(one, 4)
    table.leases.groups[one.identity].leases[KEY].left = 0
    table.now_s += 1.0
    table.leases.sweep(table.now_s)
    assert table.leases.clients == 0
    assert table.memory.used(one, KEY, table.now_s) == 4


def test_a_tick_looks_at_so_many_and_no_more(table):
    group = table.leases.group(rule(), START_S)
    for number in range(MOST_SWEPT_PER_TICK + 7):
        table.leases.new_lease(group, b"c%d" % number, START_S)
    assert table.leases.sweep(START_S + 5.0)
    assert table.leases.clients == 7
    assert not table.leases.sweep(START_S + 5.0)


def test_usage_of_an_outage_is_reported_for_so_many_clients_at_a_time(table):
    one = rule(failure=OnStoreFailure.LOCAL)
    group = table.leases.group(one, START_S)
    table.leases.set_down()
    for number in range(USAGE_REPORTS_PER_PIPELINE + 3):
        key = b"c%d" % number
        table.memory.admit([group.own(1)], [key], START_S)
        group.add_unreported(key, 1)
    woken = table.woken
    table.leases.set_up(2)
    assert table.woken == woken + 1
    reports = [len(table.leases.usage_reports(START_S)) for _ in range(3)]
    assert reports == [USAGE_REPORTS_PER_PIPELINE, 3, 0]


def test_a_lost_call_counts_as_failed_and_its_lease_may_be_asked_for_again_at_once(table):
    table.ask(rule())
    group, lease = table.due()
    call = group.call(lease, lease.order(START_S, 2), 1, START_S)
    table.leases.on_failure([call], START_S)
    assert table.leases.results == {"failed": 1}
    assert (lease.asked, lease.lost_until_s) == (False, 0.0)
    assert group.unreported_usage == {KEY: 2}


def test_a_call_without_a_reply_of_its_server_is_not_repeated_for_a_while(table):
    table.ask(rule())
    group, lease = table.due()
    table.leases.on_reply([group.call(lease, lease.order(START_S), 1, START_S)], [None], START_S)
    assert lease.lost_until_s > START_S


def test_tokens_in_hand_are_lent_and_at_few_of_them_the_next_lot_is_asked_for():
    table = Table()
    group, lease = table.hold_tokens(rule(), 8)
    lease.low = 6
    asked = []
    for _ in range(2):
        assert table.leases.lend(group, lease, 1, table.now_s) == 1
        asked.append(lease.asked)
    assert asked == [False, True]
    assert table.calls() == []
    assert table.leases.lend(group, lease, 9, table.now_s) == 6
    assert len(table.calls()) == 1
    assert table.leases.lend(group, lease, 1, table.now_s) == 0


def test_tokens_that_were_lent_come_back_into_the_hand_but_for_those_of_an_earlier_generation():
    table = Table()
    group, lease = table.hold_tokens(rule(), 8)
    table.leases.lend(group, lease, 3, table.now_s)
    table.leases.put_back(lease, 2, lease.generation, table.now_s)
    table.leases.put_back(lease, 1, lease.generation - 1, table.now_s)
    assert lease.left == 7


def test_tokens_that_were_lent_go_back_to_the_store_also_after_the_rest_did():
    table, one = Table(), rule()
    group, lease = table.hold_tokens(one, 8)
    table.leases.lend(group, lease, 3, table.now_s)
    for back, charged in ((0, 3), (2, 1)):
        table.leases.put_back(lease, back, lease.generation, table.now_s)
        table.now_s = lease.until_s
        table.ask(one)
        table.land(table.calls())
        assert sum(table.store.granted.values()) == charged


def test_a_lease_is_kept_while_what_was_lent_of_it_may_come_back():
    table = Table()
    group, lease = table.hold_tokens(rule(), 3)
    lease.lent_until_s = table.now_s + LENT_S
    table.leases.lend(group, lease, 3, table.now_s)
    table.land(table.calls())
    held = []
    for _ in range(2 * round(LENT_S / LOOK_S)):
        table.now_s += LOOK_S
        table.leases.sweep(table.now_s)
        table.land(table.calls())
        held.append(KEY in group.leases)
    assert held == sorted(held, reverse=True)
    assert LENT_S / LOOK_S - 1 <= sum(held) <= LENT_S / LOOK_S + 1
