"""The gateways of a namespace, against answers by hand; a real one: `tests/e2e/test_live.py`."""

import asyncio

import pytest

from app.cli.decision_stream import Silent
from app.cli.kube.gateways import ask_pods, gateway_pods
from app.foundation.errors import ClusterError, ConfigFaults, StartFault
from tests.app.cli.kube.samples import NAMESPACE, SLICES, asking, gateways
from tests.fakes.kubernetes_responses import cluster, listed


def found(answers):
    door, api = cluster(answers, tries=1)
    pods = asyncio.run(gateway_pods(door))
    assert api.asked[0].url.params["labelSelector"] == (
        "app.kubernetes.io/part-of=tidegate,tidegate.dev/job=gateway"
    )
    return pods


def test_each_pod_comes_with_its_admin_port():
    assert found({("GET", SLICES): gateways("gw-1", "gw-0", port=9999)}) == [("gw-0", 9999), ("gw-1", 9999)]
    assert found({("GET", SLICES): gateways("gw-0", port=None)}) == [("gw-0", 9080)]


def test_no_gateway_and_no_namespace_are_told_apart():
    with pytest.raises(StartFault, match="no gateway runs in namespace shop; name its namespace"):
        found({("GET", SLICES): listed(), ("GET", NAMESPACE): {}})
    with pytest.raises(ConfigFaults, match="there is no namespace shop"):
        found({("GET", SLICES): listed(), ("GET", NAMESPACE): 404})


@pytest.mark.parametrize("code", [401, 403])
def test_a_missing_right_is_no_matter_of_a_pod(code):
    door, _ = cluster({asking("gw-0", "/x"): code}, tries=1)
    with pytest.raises(ClusterError, match=f"cannot ask pod gw-0 for /x: it says {code}"):
        asyncio.run(ask_pods(door, [("gw-0", 9080)], lambda _: "/x"))


def test_pods_respond_are_silent_or_have_nothing():
    answers = {asking("gw-0", "/x"): {"a": 1}, asking("gw-1", "/x"): 503, asking("gw-2", "/x"): 404}
    door, _ = cluster(answers, tries=1)
    pods = [(f"gw-{number}", 9080) for number in range(3)]
    replies = asyncio.run(ask_pods(door, pods, lambda _: "/x"))
    assert replies["gw-0"] == {"a": 1}
    assert replies["gw-1"] == Silent("cannot ask pod gw-1 for /x: it says 503")
    assert isinstance(replies["gw-2"], ClusterError)
