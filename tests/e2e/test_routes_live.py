"""Routes of the cluster while pods and Gateways change: no request fails, and no status is ahead of the gateways."""

import json
import os

import pytest

from tests.e2e.cluster import POD, eventually, is_ready

pytestmark = [pytest.mark.gateway_api, pytest.mark.timeout(900)]
NAMESPACE = "e2e-routes"
CLASS = "tidegate-e2e-routes"
FLIPS = int(os.environ.get("E2E_FLIPS", "20"))  # 200 take a minute or so
CONFIG = {
    "upstreams": {"upstream": {"endpoints": ["http://upstream:8080"]}},
    "routes": [{"name": "file", "match": {"path": {"prefix": "/"}}, "upstream": "upstream"}],
}
SET = (
    "gateway.replicas=2,gateway.rateLimit=off,gateway.accessLog=off,cache.enabled=false,valkey.enabled=false,tests.enabled=false,"
    "gatewayAPI.enabled=true,gatewayAPI.serviceType=ClusterIP,gatewayAPI.ingress=false,"
    # of its own: a release that another test left behind has the usual ones
    f"gatewayAPI.className={CLASS},gatewayAPI.controllerName=tidegate.dev/{CLASS}"
)


@pytest.fixture(scope="module")
def routes(space, request):
    """Two gateways that serve what pod/routes.yaml makes; left for a look where a test failed."""
    failed = request.session.testsfailed
    space.install("--set", SET, "--set-json", f"gateway.config={json.dumps(CONFIG)}")
    pod = space.get("deployment", f"{space.release}-gateway")["spec"]["template"]["spec"]
    image = pod["containers"][0]["image"]
    made = (POD / "routes.yaml").read_text().replace("IMAGE", image).replace("CLASS", CLASS)
    space.kubectl("apply", "-f", "-", stdin=made)
    space.place_tools()  # the pods just made wait for its program
    space.kubectl("rollout", "status", "deployment/rolled", "--timeout=110s")
    space.kubectl("wait", "pod/flipper", "--for=condition=Ready", "--timeout=110s")
    space.kubectl("wait", "gateway/web", "gateway/flip", "--for=condition=Programmed", "--timeout=110s")
    eventually(lambda: space.answers("http://tidegate-web"), "the Gateway's name to be known", 60)
    yield space
    if request.session.testsfailed == failed:
        space.helm("uninstall", space.release)


def rolled(space):
    """Addresses by name of the upstream's pods that are ready and stay."""
    pods = space.get("pods", "-l", "app=rolled")["items"]
    return {
        pod["metadata"]["name"]: f"{pod['status']['podIP']}:8080"
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and is_ready(pod)
    }


def known(space, pod):
    """Addresses of that upstream, as this gateway knows them."""
    upstreams = space.ask("/v1/upstreams", f"http://{pod['status']['podIP']}:9080").json()["upstreams"]
    (found,) = (one for one in upstreams if "rolled" in one["name"])
    return {one["address"].removeprefix("http://") for one in found["endpoints"]}


def test_a_rolling_restart_of_an_upstream_fails_no_request(routes):
    before = rolled(routes)
    assert len(before) == 3
    with routes.load("/item", url="http://tidegate-web", methods=("GET", "POST")) as load:
        routes.kubectl("rollout", "restart", "deployment/rolled")
        routes.kubectl("rollout", "status", "deployment/rolled", "--timeout=200s", seconds=210)
        gone = [f"pod/{name}" for name in before]
        routes.kubectl("wait", *gone, "--for=delete", "--timeout=200s", seconds=210)
    after = rolled(routes)
    load.assert_all("200")
    assert len(after) == 3
    assert not after.keys() & before.keys()
    assert after.keys() <= load.pods.keys() <= after.keys() | before.keys()
    assert [known(routes, pod) for pod in routes.gateways()] == [set(after.values())] * 2


def test_programmed_is_never_said_before_the_last_gateway_serves(routes):
    found = routes.flip("flip", FLIPS)
    took_s = sorted(found["took_s"])
    print(
        f"{FLIPS} flips: programmed after {took_s[FLIPS // 2]:.3f} s in the middle, {took_s[-1]:.3f} s at most"
    )
    assert found["early"] == []
    assert found["flips"] == FLIPS
