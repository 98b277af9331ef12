import pytest

from app.config.sync.messages import TransitionReport
from app.operator.kube.event_recorder import EventRecorder
from app.operator.metrics import OperatorCounts
from app.operator.policy.fleet_events import FleetEvents
from app.operator.policy.policy_cache import PolicyCache
from app.operator.sync.fleet import Fleet
from tests.app.operator.samples import SPEC, call, policy
from tests.fakes.cluster import FakeCluster
from tests.fakes.fast_time import run_fast

ORDERS = policy()
LIMITED = policy(
    "limited",
    spec={
        "targetRefs": [{"kind": "Gateway"}],
        "rateLimit": {"rules": [{"name": "r", "key": "Client", "requests": 5, "period": "1s"}]},
    },
)


def opened(*uids):
    return TransitionReport(1, "orders", "closed", "open", "consecutive_failures", 1.0, uids)


def events_of(*calls, policies=(ORDERS,)):
    """The Events after these calls, and what was counted."""

    async def play(clock):
        cluster, fleet, counts, cache = FakeCluster(), Fleet(), OperatorCounts(), PolicyCache()
        recorder = EventRecorder(cluster, counts, clock)
        cache.replace(policies)
        events = FleetEvents(cache, fleet, recorder, counts, "tidegate")
        for one in calls:
            change = fleet.record_call(one, clock.now_s())
            assert change is not None
            events.on_fleet_change(one, change)
        await recorder.write_due()
        return cluster.recorded(), dict(counts.nacks)

    return run_fast(play)


def test_a_transition_is_an_event_on_the_policies_that_the_gateway_names():
    events, _ = events_of(call("gw-0", transitions=[opened("uid-orders", "uid-gone")]))
    assert events == [("BreakerOpened", "orders", 1)]


def test_a_gateway_cannot_name_policies_of_another_namespace():
    far = policy("far", namespace="other")
    assert events_of(call("gw-0", transitions=[opened("uid-far")]), policies=(far,)) == ([], {})


HTTP_ROUTE = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}


@pytest.mark.parametrize(("namespace", "is_heard"), [("tidegate", True), ("other", False)])
def test_the_gateways_of_the_cluster_speak_of_policies_for_its_objects_in_every_namespace(
    namespace, is_heard
):
    own = policy(spec={"targetRefs": [HTTP_ROUTE], "circuitBreaker": {"consecutiveFailures": 5}})
    one = call("gw-0", namespace=namespace, transitions=[opened("uid-orders")])
    events, _ = events_of(one, policies=(own,))
    assert events == ([("BreakerOpened", "orders", 1)] if is_heard else [])


@pytest.mark.parametrize(
    ("given", "nacks"),
    [
        ({"applied": 7, "errors": {("orders", 1): "bad", ("carts", 1): "bad"}}, {"policy": 2}),
        ({"rejected": 7}, {"snapshot": 1}),
        ({"applied": 7}, {}),
    ],
)
def test_rejections_are_counted(given, nacks):
    assert events_of(call("gw-0", **given))[1] == nacks


def test_an_unavailable_store_is_an_event_on_the_policies_that_need_it():
    shadow = policy("shadow", spec={**LIMITED.spec, "mode": "Shadow"})
    far, broken = policy("far", namespace="other", spec=LIMITED.spec), policy("broken", spec={})
    local = policy("local", spec={**SPEC})
    events, _ = events_of(call("gw-0", limit_store_up=False), policies=(LIMITED, shadow, far, broken, local))
    assert events == [("LimitStoreDown", "limited", 1)]


def test_a_store_is_available_again_when_every_gateway_reaches_it():
    events, _ = events_of(
        call("a", limit_store_up=False),
        call("b", limit_store_up=False),
        call("a", 2, limit_store_up=True),
        call("b", 2, limit_store_up=True),
        policies=(LIMITED,),
    )
    assert events == [("LimitStoreDown", "limited", 1), ("LimitStoreUp", "limited", 1)]
