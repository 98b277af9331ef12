from typing import Any

import pytest

from app.cli.kube import pod_tunnels
from app.cli.kube.forward_target import Target
from app.cli.kube.pod_tunnels import PodTunnels
from app.foundation.errors import ClusterError
from tests.app.cli.kube.samples import NAMESPACE, SLICES, gateways, operators
from tests.fakes.kubernetes_responses import cluster, listed

TEAM = "/apis/discovery.k8s.io/v1/namespaces/team/endpointslices"


class Opened:
    """Notes what is opened; `gone`: pods that do not exist."""

    def __init__(self, monkeypatch, *gone: str) -> None:
        self.gone = gone
        self.to: list[tuple[str, str, int]] = []
        monkeypatch.setattr(pod_tunnels, "open_tunnel", self.open)

    async def open(self, _: Any, namespace: str, pod: str, port: int) -> Any:
        if pod in self.gone:
            raise ClusterError("open a connection to", f"pod {pod}", 404, "not found")
        self.to.append((namespace, pod, port))


def tunnels(responses: dict[tuple[str, str], Any], pod: str, *, is_operator: bool = True) -> PodTunnels:
    door, _ = cluster(responses, tries=1)

    def connected(namespace: str | None) -> Any:
        other, _ = cluster(responses, tries=1)
        other.namespace = namespace or "shop"
        return other

    return PodTunnels(door, connected, Target("shop", pod), is_operator=is_operator)


async def test_the_operator_is_reached_at_its_port_also_when_another_pod_took_its_place(monkeypatch):
    opened = Opened(monkeypatch, "op-0")
    made = tunnels({("GET", SLICES): operators("op-1")}, "op-0")
    await made.open(Target("shop", "op-0"))
    await made.open(Target("shop", "op-0"))
    assert opened.to == [("shop", "op-1", 9080)] * 2


async def test_an_operator_that_is_gone_for_good_is_said(monkeypatch):
    Opened(monkeypatch, "op-0")
    made = tunnels({("GET", SLICES): listed(), ("GET", NAMESPACE): {"metadata": {"name": "shop"}}}, "op-0")
    with pytest.raises(ClusterError, match="cannot find the operator: no operator runs in namespace shop"):
        await made.open(Target("shop", "op-0"))


async def test_an_operator_that_cannot_be_reached_is_not_looked_for(monkeypatch):
    async def fails(*_: Any) -> None:
        raise ClusterError("open a connection to", "pod op-0", 403, "forbidden")

    monkeypatch.setattr(pod_tunnels, "open_tunnel", fails)
    with pytest.raises(ClusterError, match="forbidden"):
        await tunnels({}, "op-0").open(Target("shop", "op-0"))


async def test_a_gateway_is_reached_at_its_own_port_in_any_namespace(monkeypatch):
    opened = Opened(monkeypatch)
    made = tunnels({("GET", SLICES): gateways("gw-0", port=9000), ("GET", TEAM): gateways("gw-7")}, "op-0")
    for target in (Target("shop", "gw-0"), Target("shop", "gw-0"), Target("team", "gw-7")):
        await made.open(target)
    assert opened.to == [("shop", "gw-0", 9000), ("shop", "gw-0", 9000), ("team", "gw-7", 9080)]


async def test_a_pod_that_is_no_gateway_is_not_opened(monkeypatch):
    opened = Opened(monkeypatch)
    nowhere = "/apis/discovery.k8s.io/v1/namespaces/nowhere/endpointslices"
    made = tunnels({("GET", SLICES): gateways("gw-0"), ("GET", nowhere): listed()}, "op-0")
    with pytest.raises(ClusterError, match="no gateway of namespace shop has that name"):
        await made.open(Target("shop", "database-0"))
    with pytest.raises(ClusterError, match="cannot find gateway gw-7"):
        await made.open(Target("nowhere", "gw-7"))
    assert opened.to == []


async def test_who_may_not_list_gateways_can_name_one_all_the_same(monkeypatch):
    opened = Opened(monkeypatch)
    made = tunnels({("GET", SLICES): 403}, "gw-0", is_operator=False)
    await made.open(Target("shop", "gw-0"))
    assert opened.to == [("shop", "gw-0", 9080)]
    with pytest.raises(ClusterError) as caught:
        await made.open(Target("shop", "gw-1"))
    assert caught.value.code == 403
