from app.config.sync.snapshot import seal
from app.operator.policy.attachments import NOTHING_SERVED, Attachments
from app.operator.policy.compile import compile_policies
from app.operator.policy.conditions import condition_of
from app.operator.policy.desired_statuses import HOLD_S, DesiredStatuses
from app.operator.policy.known_attachments import KnownAttachments
from app.operator.policy.policy_cache import PolicyCache
from app.operator.snapshot.history import FirstPublished
from tests.app.operator.samples import LINEAGE, WALL_S, breaker, call, fleet_of, pod, policy


def desired_for(fleet, *policies, taken_s=990.0, attachments=NOTHING_SERVED):
    """As after a round that published `policies` as snapshot 7."""
    cache, first = PolicyCache(), FirstPublished()
    cache.replace(policies)
    first.note(seal(LINEAGE, 7, compile_policies(policies).entries, complete=True))
    known = KnownAttachments(are_awaited=True)
    if attachments is not None:
        known.put(attachments)
    desired = DesiredStatuses(cache, fleet, first, known, "tidegate")
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
    desired = DesiredStatuses(
        PolicyCache(), fleet_of(ready=(pod("a"),)), FirstPublished(), KnownAttachments(), "tidegate"
    )
    assert (desired.is_provisional(0.0), desired.evaluate(0.0, WALL_S)) == (False, [])


WEB = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}
ATTACHED = Attachments(frozenset(["httproute/shop/web"]), {"httproute/shop/web": ("gateway/infra/edge",)})


def said(status, kind):
    found = condition_of(status, kind)
    return None if found is None else (found["status"], found["reason"])


def for_web(*further):
    return policy(spec={"targetRefs": [WEB, *further], "circuitBreaker": {"consecutiveFailures": 5}})


def test_a_policy_for_objects_waits_for_the_gateways_of_the_cluster_and_no_others():
    fleet = fleet_of(call("own", applied=6), call("edge-1", applied=7, namespace="tidegate"))
    ((_, status),) = desired_for(fleet, for_web(), attachments=ATTACHED).evaluate(1_000.0, WALL_S)
    assert status["gateways"]["summary"] == "1/1"
    assert said(status, "Ready") == ("True", "Ready")


def test_with_a_target_of_its_own_namespace_it_waits_for_both():
    fleet = fleet_of(call("own", applied=6), call("edge-1", applied=7, namespace="tidegate"))
    mixed = for_web({"kind": "Route", "name": "orders"})
    ((_, status),) = desired_for(fleet, mixed, attachments=ATTACHED).evaluate(1_000.0, WALL_S)
    assert status["gateways"]["summary"] == "1/2"
    assert said(status, "ResolvedRefs") == ("True", "ResolvedRefs")


def test_breakers_of_the_clusters_gateways_are_shown_on_policies_of_every_namespace():
    reported = breaker("service/shop/orders/80@httproute/shop/web", "open", reason="failure_rate")
    other = breaker("x", policies=("uid-orders",))
    fleet = fleet_of(
        call("edge-1", applied=7, namespace="tidegate", breakers=[reported]),
        call("far-1", applied=7, namespace="far", breakers=[other]),
    )
    ((_, status),) = desired_for(fleet, for_web(), attachments=ATTACHED).evaluate(1_000.0, WALL_S)
    assert status["breakerSummary"] == "open 1/1"


def test_a_policy_beside_the_clusters_gateways_counts_each_breaker_once():
    reported = breaker("service/tidegate/orders/80@httproute/tidegate/web", "open", reason="failure_rate")
    fleet = fleet_of(call("edge-1", applied=7, namespace="tidegate", breakers=[reported]))
    beside = policy(
        namespace="tidegate", spec={"targetRefs": [WEB], "circuitBreaker": {"consecutiveFailures": 5}}
    )
    web = "httproute/tidegate/web"
    attached = Attachments(frozenset([web]), {web: ("gateway/infra/edge",)})
    ((_, status),) = desired_for(fleet, beside, attachments=attached).evaluate(1_000.0, WALL_S)
    assert status["breakerSummary"] == "open 1/1"


def test_the_gateways_that_take_its_requests_are_its_ancestors():
    fleet = fleet_of(call("edge-1", applied=7, namespace="tidegate"))
    ((_, status),) = desired_for(fleet, for_web(), attachments=ATTACHED).evaluate(1_000.0, WALL_S)
    (ancestor,) = status["ancestors"]
    assert ancestor["ancestorRef"]["name"] == "edge"
    assert [one["type"] for one in ancestor["conditions"]] == ["Accepted", "Programmed"]


def test_a_status_with_ancestors_that_was_written_is_not_written_again():
    fleet = fleet_of(call("edge-1", applied=7, namespace="tidegate"))
    desired = desired_for(fleet, for_web(), attachments=ATTACHED)
    ((one, status),) = desired.evaluate(1_000.0, WALL_S)
    written = policy(spec=one.spec, status=status)
    ((_, again),) = desired_for(fleet, written, attachments=ATTACHED).evaluate(1_000.0, WALL_S + 60)
    assert again == status


def test_a_target_without_a_gateway_is_not_found():
    fleet = fleet_of(call("edge-1", applied=7, namespace="tidegate"))
    unattached = Attachments(frozenset(["httproute/shop/web"]))
    ((_, status),) = desired_for(fleet, for_web(), attachments=unattached).evaluate(1_000.0, WALL_S)
    assert said(status, "Accepted") == ("False", "TargetNotFound")
    message = "no Gateway here takes requests for HTTPRoute/web"
    assert [one["message"] for one in status["conditions"]] == [message] * 3


def test_while_the_clusters_routes_are_not_known_targets_are_neither_found_nor_missing():
    fleet = fleet_of(call("edge-1", applied=7, namespace="tidegate"))
    ((_, status),) = desired_for(fleet, for_web(), attachments=None).evaluate(1_000.0, WALL_S)
    assert said(status, "Accepted") == ("True", "Accepted")
    assert said(status, "ResolvedRefs") == ("Unknown", "Reconciling")
