from dataclasses import replace
from typing import Any

from app.config.sync.messages import PortFault, SyncRequest, TransitionReport
from app.config.sync.newest import Held
from app.config.sync.summary import SettingInForce, Summary
from app.operator.snapshot.lineages import Claim
from app.operator.sync.fleet import Fleet
from tests.app.operator.samples import LINEAGE, OTHER_LINEAGE, breaker, call, fleet_of, pod


def moved(number):
    return TransitionReport(number, "orders", "closed", "open", "failure_rate", 1.0, ("uid-orders",))


def record(fleet: Fleet, request: SyncRequest, now_s: float) -> Any:
    return fleet.record_call(request, now_s)


def view(fleet, now_s=1_000.0):
    (found,) = fleet.pods("shop", LINEAGE, now_s)
    return found


def test_a_call_twice_is_a_replayed_one():
    fleet = fleet_of(call("gw-0"))
    assert record(fleet, call("gw-0"), 1_001.0) is None


def test_a_call_of_an_earlier_boot_is_a_replayed_one():
    fleet = fleet_of(call("gw-0", 9), call("gw-0", 1, boot="boot-2"), ready=(pod("gw-0"),))
    assert record(fleet, call("gw-0", 10), 1_001.0) is None


def test_a_call_that_takes_back_what_this_boot_applied_is_a_replayed_one():
    fleet = fleet_of(call("gw-0", applied=7))
    assert record(fleet, call("gw-0", 2, applied=6), 1_001.0) is None
    assert record(fleet, call("gw-0", 3), 1_001.0) is None
    assert view(fleet).sequence == 7


def test_a_new_boot_may_say_less_than_the_one_before():
    fleet = fleet_of(call("gw-0", 9, applied=7))
    assert record(fleet, call("gw-0", 1, boot="boot-2"), 1_001.0) is not None
    assert view(fleet).sequence == 0


def test_another_lineage_may_begin_below():
    fleet = fleet_of(call("gw-0", applied=7))
    assert record(fleet, call("gw-0", 2, applied=1, lineage=OTHER_LINEAGE), 1_001.0).applied_changed
    assert view(fleet).sequence == 0


def test_a_first_call_is_news_of_what_is_applied():
    fleet = Fleet()
    assert record(fleet, call("gw-0", applied=7), 0.0).applied_changed


def test_a_call_that_says_nothing_new_leaves_the_version():
    fleet = fleet_of(call("gw-0", applied=7))
    before = fleet.version
    record(fleet, call("gw-0", 2, applied=7), 1_001.0)
    assert fleet.version == before


def test_a_transition_that_is_sent_again_counts_once():
    fleet = fleet_of(call("gw-0", transitions=[moved(1)]))
    change = record(fleet, call("gw-0", 2, transitions=[moved(1), moved(2)]), 1_001.0)
    assert [one.number for one in change.transitions] == [2]


def test_transitions_count_again_after_a_restart():
    fleet = fleet_of(call("gw-0", transitions=[moved(5)]))
    change = record(fleet, call("gw-0", 1, boot="boot-2", transitions=[moved(1)]), 1_001.0)
    assert [one.number for one in change.transitions] == [1]


def test_a_rejected_policy_is_news_once():
    fleet = fleet_of(call("gw-0", applied=6))
    first = record(fleet, call("gw-0", 2, applied=7, errors={("orders", 1): "bad"}), 1_001.0)
    again = record(fleet, call("gw-0", 3, applied=8, errors={("orders", 1): "bad"}), 1_002.0)
    assert (len(first.rejected_policies), len(again.rejected_policies)) == (1, 0)


def test_a_policy_that_is_no_longer_rejected_changes_a_status():
    fleet = fleet_of(call("gw-0", applied=7, errors={("orders", 1): "bad"}))
    before = fleet.version
    record(fleet, call("gw-0", 2, applied=7), 1_001.0)
    assert (fleet.version > before, view(fleet).errors) == (True, {})


def test_a_rejected_snapshot_is_news_once_for_each():
    fleet = fleet_of(call("gw-0", applied=6))
    found = []
    for number, rejected in ((2, 7), (3, 7), (4, 8)):
        found.append(
            record(fleet, call("gw-0", number, applied=6, rejected=rejected), 1_001.0).snapshot_rejected
        )
    assert found == [True, False, True]


def test_a_changed_breaker_changes_a_status():
    fleet = fleet_of(call("gw-0"))
    assert record(fleet, call("gw-0", 2, breakers=[breaker("orders", "open")]), 1_001.0).report_changed


def test_a_pod_that_never_called_is_known_by_its_endpoint():
    fleet = fleet_of(ready=(pod("gw-0"),))
    assert (view(fleet).silent_s, view(fleet).gateway, view(fleet).ready_s) == (None, "edge", 1_000.0)


def test_ready_since_counts_from_when_a_pod_first_took_traffic():
    fleet = Fleet()
    fleet.require({"uid-a": pod("a")}, 10.0)
    assert fleet.require({"uid-a": pod("a"), "uid-b": pod("b")}, 20.0)
    assert not fleet.require({"uid-a": pod("a"), "uid-b": pod("b")}, 25.0)
    assert [one.ready_s for one in fleet.pods("shop", LINEAGE, 30.0)] == [20.0, 10.0]


def test_pods_of_other_namespaces_do_not_count():
    fleet = fleet_of(call("gw-0"), ready=(pod("gw-0"), pod("far", namespace="other")))
    assert [one.name for one in fleet.pods("shop", LINEAGE, 1_000.0)] == ["gw-0"]
    assert (fleet.count_in("shop"), fleet.count_in("empty")) == (1, 1)


def test_what_targets_exist_is_unknown_until_a_gateway_called():
    assert fleet_of(ready=(pod("gw-0"),)).known_targets("shop") is None


def test_targets_are_known_by_any_gateway():
    known = fleet_of(call("a", routes=["x"]), call("b", routes=["y"], gateway=None)).known_targets("shop")
    assert known is not None
    assert known.routes == frozenset("xy")
    assert known.gateways == frozenset({"edge"})


def test_targets_are_those_of_namespaces_whose_gateways_called():
    assert set(fleet_of(call("a"), ready=(pod("far", namespace="other"),)).targets()) == {"shop"}


def test_all_are_heard_when_every_pod_that_takes_traffic_called():
    fleet = fleet_of(call("a"), ready=(pod("a"), pod("b")))
    before = fleet.has_heard_all()
    record(fleet, call("b"), 1_001.0)
    assert (before, fleet.has_heard_all()) == (False, True)


def test_a_silent_gateway_that_takes_no_traffic_is_forgotten():
    fleet = fleet_of(call("gw-0", limit_store_up=False), ready=())
    fleet.forget_silent(1_075.0)
    assert fleet.known_targets("shop") is not None
    fleet.forget_silent(1_076.0)
    assert (fleet.known_targets("shop"), fleet.store_is_up("shop")) == (None, True)


def test_a_silent_gateway_that_takes_traffic_is_kept():
    fleet = fleet_of(call("gw-0", applied=7))
    fleet.forget_silent(9_999.0)
    assert view(fleet, 9_999.0).sequence == 7


def test_claims_are_what_gateways_say_that_they_serve_with():
    fleet = fleet_of(call("a", applied=3), call("b", applied=2, lineage=OTHER_LINEAGE), call("c"))
    assert fleet.claims(1_000.0) == (Claim(LINEAGE, 3, True), Claim(OTHER_LINEAGE, 2, True))


def test_a_first_word_counts_at_once_and_another_when_it_has_stood_for_a_while():
    fleet = fleet_of(call("a", applied=3))
    record(fleet, call("a", 2, applied=3, lineage=OTHER_LINEAGE), 1_000.0)
    record(fleet, call("a", 3, applied=4, lineage=OTHER_LINEAGE), 1_010.0)
    assert fleet.claims(1_019.9) == (Claim(OTHER_LINEAGE, 4, False),)
    assert fleet.claims(1_020.0) == (Claim(OTHER_LINEAGE, 4, True),)
    assert fleet.is_settled("uid-a", 1_020.0)
    record(fleet, call("a", 4, applied=4), 1_021.0)
    assert not fleet.is_settled("uid-a", 1_040.9)


def test_a_new_boot_does_not_begin_with_a_first_word_again():
    fleet = fleet_of(call("a", applied=3))
    record(fleet, call("a", 1, boot="boot-2"), 1_001.0)
    record(fleet, call("a", 2, boot="boot-2", applied=3, lineage=OTHER_LINEAGE), 1_002.0)
    assert fleet.claims(1_003.0) == (Claim(OTHER_LINEAGE, 3, False),)


def test_the_limit_store_is_down_where_one_gateway_misses_it():
    fleet = fleet_of(call("a", limit_store_up=True), call("b"))
    assert fleet.store_is_up("shop")
    assert record(fleet, call("b", 2, limit_store_up=False), 1_001.0).store_changed
    assert (fleet.store_is_up("shop"), fleet.store_is_up("other")) == (False, True)


def test_a_gateway_without_a_store_any_more_misses_none():
    fleet = fleet_of(call("a", limit_store_up=False))
    record(fleet, call("a", 2), 1_001.0)
    assert fleet.store_is_up("shop")


def rows(fleet, now_s=1_000.0):
    return [(one.pod, one.state, one.error) for one in fleet.instances(LINEAGE, 7, now_s)]


def test_instances_show_where_each_gateway_stands():
    fleet = fleet_of(
        call("a", applied=7),
        call("b", applied=6),
        call("c", applied=6, rejected=7, message="no JSON"),
        call("d", applied=7, errors={("orders", 1): "bad"}),
        call("e", applied=6, rejected=7, message=""),
        ready=(*map(pod, "abcde"), pod("f")),
    )
    assert rows(fleet) == [
        ("a", "applied", ""),
        ("b", "pending", ""),
        ("c", "rejected", "no JSON"),
        ("d", "rejected", "bad"),
        ("e", "rejected", "rejected the snapshot"),
        ("f", "stale", "never called"),
    ]


def test_an_instance_that_is_silent_for_three_polls_is_stale():
    assert rows(fleet_of(call("a", applied=7)), 1_076.0) == [("a", "stale", "")]


def test_an_instance_that_takes_traffic_since_just_now_is_pending():
    fleet = Fleet()
    fleet.require({"uid-a": pod("a")}, 990.0)
    assert rows(fleet) == [("a", "pending", "never called")]


SETTINGS = (SettingInForce("Route/a", "timeout", "7s"),)


def heard(fleet, now_s=1_001.0):
    (found,) = fleet.instances(LINEAGE, 1, now_s)
    return found.heard


def test_a_summary_is_kept_with_its_time_and_the_difference_of_the_clocks():
    fleet = fleet_of(call("gw-0"))
    assert (
        fleet.record_summary("uid-gw-0", Summary(560.0, 3, "d1", settings=SETTINGS), 1_000.0, 500.0) == "d1"
    )
    found = heard(fleet)
    assert (found.at_s, found.clock_ahead_s, found.settings) == (1_000.0, 60.0, SETTINGS)
    (shown,) = fleet.instances(LINEAGE, 1, 1_003.0)
    assert shown.heard_ago_s == 3.0


def test_settings_are_kept_until_others_come():
    fleet = fleet_of(call("gw-0"))
    fleet.record_summary("uid-gw-0", Summary(1.0, 3, "d1", settings=SETTINGS), 1_000.0, 1.0)
    assert fleet.record_summary("uid-gw-0", Summary(1.0, 3, "d2"), 1_001.0, 1.0) == "d1"
    assert heard(fleet).settings == SETTINGS
    other = (SettingInForce("Route/a", "timeout", "8s"),)
    assert fleet.record_summary("uid-gw-0", Summary(1.0, 3, "d2", settings=other), 1_002.0, 1.0) == "d2"
    assert heard(fleet).settings == other


def test_a_summary_of_a_pod_that_never_called_is_dropped():
    assert Fleet().record_summary("uid-gw-9", Summary(1.0, 1, "d", settings=SETTINGS), 0.0, 0.0) == ""


def test_another_boot_has_said_nothing_yet():
    fleet = fleet_of(call("gw-0"))
    fleet.record_summary("uid-gw-0", Summary(1.0, 3, "d1"), 1_000.0, 1.0)
    record(fleet, call("gw-0", 1, boot="boot-2"), 1_001.0)
    assert heard(fleet) is None


def test_what_was_said_when_somebody_looked_the_last_time_is_forgotten():
    fleet = fleet_of(call("gw-0"))
    fleet.look(1_000.0)
    fleet.record_summary("uid-gw-0", Summary(1.0, 3, "d1"), 1_000.0, 1.0)
    fleet.look(1_002.0)
    assert heard(fleet) is not None
    fleet.look(2_000.0)
    assert heard(fleet, 2_000.0) is None
    assert (fleet.pace_s(2_001.0), fleet.pace_s(3_000.0)) == (2.0, None)


def test_what_was_said_is_not_kept_once_nobody_looks():
    fleet = fleet_of(call("gw-0"))
    fleet.look(1_000.0)
    fleet.record_summary("uid-gw-0", Summary(1.0, 3, "d1"), 1_000.0, 1.0)
    fleet.forget_silent(1_014.0)
    assert heard(fleet) is not None
    fleet.forget_silent(1_015.0)
    assert heard(fleet, 1_015.0) is None


def test_bound_ports_and_certificates_are_known_of_each_pod():
    fleet = fleet_of(call("gw-0"))
    before = fleet.version
    request = replace(
        call("gw-0", 2),
        ports=(20_001, 20_002),
        port_faults=(PortFault(20_003, "in use"),),
        certificates=Held("boot", 3),
    )
    assert record(fleet, request, 1_001.0).report_changed
    seen = view(fleet)
    assert (seen.ports, seen.port_faults) == ({20_001, 20_002}, {20_003: "in use"})
    assert (seen.certificates, fleet.version) == (Held("boot", 3), before + 1)
