from app.config.sync.snapshot import seal
from app.operator.policy.compile import compile_policies
from app.operator.policy.conditions import condition_of
from app.operator.policy.desired_statuses import HOLD_S, DesiredStatuses
from app.operator.policy.policy_cache import PolicyCache
from app.operator.snapshot.history import FirstPublished
from tests.app.operator.samples import LINEAGE, WALL_S, breaker, call, fleet_of, pod, policy


def desired_for(fleet, *policies, taken_s=990.0):
    """As after a round that published `policies` as snapshot 7."""
    cache, first = PolicyCache(), FirstPublished()
    cache.replace(policies)
    first.note(seal(LINEAGE, 7, compile_policies(policies).entries, complete=True))
    desired = DesiredStatuses(cache, fleet, first)
    desired.take(compile_policies(policies).verdicts, LINEAGE, taken_s)
    return desired


def test_every_policy_gets_the_status_of_its_own_namespace():
    fleet = fleet_of(call("a", applied=7), call("b", applied=6, namespace="other"))
    found = desired_for(fleet, policy(), policy("far", namespace="other")).evaluate(1_000.0, WALL_S)
    summaries = {one.name: status["gateways"]["summary"] for one, status in found}
    assert summaries == {"orders": "1/1", "far": "0/1"}


def test_a_policy_is_shown_the_breakers_that_name_it():
    fleet = fleet_of(
        call("a", applied=7, breakers=[breaker("orders"), breaker("x", policies=("uid-other",))])
    )
    ((_, status),) = desired_for(fleet, policy()).evaluate(1_000.0, WALL_S)
    assert [one["name"] for one in status["breakers"]] == ["orders"]


def test_gateways_that_are_gone_are_forgotten():
    fleet = fleet_of(call("a", applied=7), ready=())
    ((_, status),) = desired_for(fleet, policy()).evaluate(9_999.0, WALL_S)
    condition = condition_of(status, "ResolvedRefs")
    assert condition is not None
    assert condition["reason"] == "NoGateways"


def test_statuses_are_provisional_while_a_gateway_has_yet_to_call():
    desired = desired_for(fleet_of(ready=(pod("a"),)), policy(), taken_s=1_000.0)
    assert [desired.is_provisional(1_000.0 + after_s) for after_s in (0.0, 29.0, HOLD_S)] == [
        True,
        True,
        False,
    ]


def test_statuses_are_final_once_every_gateway_called():
    fleet = fleet_of(call("a", applied=7))
    desired = desired_for(fleet, policy(), taken_s=1_000.0)
    before = desired.is_provisional(1_001.0)
    fleet.require({"uid-a": pod("a"), "uid-b": pod("b")}, 1_002.0)
    assert (before, desired.is_provisional(1_002.0)) == (False, False)


def test_nothing_is_provisional_before_the_first_round():
    desired = DesiredStatuses(PolicyCache(), fleet_of(ready=(pod("a"),)), FirstPublished())
    assert (desired.is_provisional(0.0), desired.evaluate(0.0, WALL_S)) == (False, [])
