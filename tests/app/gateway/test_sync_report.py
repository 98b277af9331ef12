import socket

from app.breaker.transitions import BreakerTransition
from app.breaker.values import BreakerState, Cause
from app.config.sync.messages import MAX_TRANSITIONS, PortFault
from app.config.sync.newest import Held
from app.foundation.clock import now_s, wall_s
from app.gateway.sync_report import ListenersNow, SyncReport, listeners_now
from app.policy.model import CircuitBreaker, OverrideState
from tests.fakes.gateway_parts import GatewayParts

LISTENERS = ListenersNow((20_001,), (PortFault(20_002, "in use"),), Held("boot", 3))


def transition(number: int = 1) -> BreakerTransition:
    return BreakerTransition(
        "cache", BreakerState.CLOSED, BreakerState.OPEN, Cause.CONSECUTIVE_FAILURES, float(number), 1.0
    )


def reporting(parts: GatewayParts) -> SyncReport:
    context = parts.context
    return SyncReport(
        parts.settings,
        parts.snapshots,
        parts.breakers,
        lambda: context.plans.table,
        lambda: parts.limits.is_up,
        lambda: LISTENERS,
    )


async def test_a_call_says_who_it_is_and_what_it_has(tmp_path):
    parts = GatewayParts(tmp_path, POD_NAME="gw-1", POD_UID="uid-1", POD_NAMESPACE="shop")
    request = reporting(parts).compose(25)
    assert (request.instance.pod_name, request.instance.pod_uid, request.instance.namespace) == (
        "gw-1",
        "uid-1",
        "shop",
    )
    assert (request.instance.call, request.wait_s, request.limit_store_up) == (1, 25, None)
    assert (request.targets.routes, request.targets.upstreams) == (("all",), ("cache",))
    assert [(each.name, each.state) for each in request.breakers] == [("cache", "closed")]
    assert (request.ports, request.port_faults) == (LISTENERS.ports, LISTENERS.faults)
    assert request.certificates == LISTENERS.certificates
    await parts.close()


async def test_outside_a_pod_it_is_the_hosts_name(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Some_Host.example-")
    parts = GatewayParts(tmp_path)
    instance = reporting(parts).compose(0).instance
    assert (instance.pod_name, instance.namespace) == ("some-host-example", "default")
    assert instance.pod_uid == instance.boot_id
    await parts.close()


async def test_transitions_are_sent_until_a_call_with_them_is_acknowledged(tmp_path):
    parts = GatewayParts(tmp_path)
    report = reporting(parts)
    report.add(transition())
    first = report.compose(0)
    report.add(transition(2))
    assert [each.number for each in report.compose(0).transitions] == [1, 2]
    report.acknowledged(first)
    assert [each.number for each in report.compose(0).transitions] == [2]
    report.acknowledged(report.compose(0))
    report.acknowledged(report.compose(0))
    assert not report.is_pending
    await parts.close()


async def test_one_call_carries_a_bounded_number_of_them(tmp_path):
    parts = GatewayParts(tmp_path)
    report = reporting(parts)
    for number in range(MAX_TRANSITIONS + 1):
        report.add(transition(number))
    request = report.compose(0)
    assert len(request.transitions) == MAX_TRANSITIONS
    report.acknowledged(request)
    assert report.is_pending
    await parts.close()


async def test_another_boot_begins_to_count_again(tmp_path):
    parts = GatewayParts(tmp_path)
    report = reporting(parts)
    first = report.compose(0).instance
    report.restart()
    again = report.compose(0).instance
    assert again.boot_id != first.boot_id
    assert (again.call, again.pod_uid) == (1, first.pod_uid)
    await parts.close()


async def test_a_breaker_outside_the_table_has_no_policies(tmp_path):
    parts = GatewayParts(tmp_path)
    parts.breakers.get("odd", CircuitBreaker(3))
    policies = {each.name: each.policies for each in reporting(parts).compose(0).breakers}
    assert policies == {"cache": (), "odd": ()}
    await parts.close()


async def test_of_the_clusters_services_only_what_is_not_closed_or_set_by_a_policy_is_reported(tmp_path):
    parts = GatewayParts(tmp_path)
    parts.breakers.get("service/shop/quiet/80", CircuitBreaker(3))
    forced = parts.breakers.get("service/shop/forced/80", CircuitBreaker(3))
    forced.override(OverrideState.OPEN, 60.0, "ada", now_s(), wall_s())
    assert [each.name for each in reporting(parts).compose(0).breakers] == ["cache", "service/shop/forced/80"]
    await parts.close()


def test_ports_are_said_in_the_order_of_their_numbers():
    class States:
        def __init__(self) -> None:
            self.bound = (20_001,)
            self.faults = {20_003: "in use", 20_002: "no right"}

    said = listeners_now(States(), None)
    assert said == ListenersNow((20_001,), (PortFault(20_002, "no right"), PortFault(20_003, "in use")))
