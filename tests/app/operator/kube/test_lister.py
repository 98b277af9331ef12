from app.operator.kube.lister import Lister, WatchScope
from tests.app.operator.samples import SPEC, pod
from tests.fakes.cluster import FakeCluster


def cluster_of_two_namespaces():
    cluster = FakeCluster()
    cluster.apply("orders", SPEC)
    cluster.apply("far", SPEC, "other")
    cluster.add_pod(pod("gw-0"))
    cluster.add_pod(pod("gw-far", namespace="other"))
    return cluster


async def test_one_namespace_is_listed():
    lister = Lister(cluster_of_two_namespaces(), WatchScope("shop", "app=gateway", "snapshot"))
    assert [policy.name for policy in await lister.policies()] == ["orders"]
    assert await lister.pods() == {"uid-gw-0": pod("gw-0")}


async def test_all_namespaces_are_listed():
    lister = Lister(cluster_of_two_namespaces(), WatchScope("*", "app=gateway", "snapshot"))
    assert {policy.namespace for policy in await lister.policies()} == {"shop", "other"}
    assert set(await lister.pods()) == {"uid-gw-0", "uid-gw-far"}


async def test_policies_for_objects_of_all_namespaces_count_once_routes_come_from_the_cluster():
    cluster = cluster_of_two_namespaces()
    web = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}
    cluster.apply("web", {**SPEC, "targetRefs": [web]}, "other")
    lister = Lister(cluster, WatchScope("shop", "app=gateway", "snapshot"))
    lister.widen()
    assert {policy.name for policy in await lister.policies()} == {"orders", "web"}
    assert set(await lister.pods()) == {"uid-gw-0"}
