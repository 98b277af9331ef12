"""Three gateways tuned and replaced while traffic flows: nothing fails, nothing is forgotten."""

import json
import os
import re
import time
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
import yaml

from app.config.sync.message_codec import encode_request
from app.config.sync.messages import Instance, SyncRequest
from tests.e2e.cluster import eventually, tidegate

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
NAMESPACE = "e2e-live"
GATEWAYS = 3
WORKERS = 2
CONNECTIONS = 16
"""Over which the kernel hardly ever chooses the same of two workers for all."""

CONFIG = {
    "upstreams": {"shop": {"endpoints": ["http://upstream:8080"]}},
    "routes": [{"name": "shop", "match": {"path": {"prefix": "/"}}, "upstream": "shop"}],
}
GATEWAY = [{"kind": "Gateway"}]
SHOP = [{"kind": "Upstream", "name": "shop"}]


@pytest.fixture(scope="module")
def installed(space):
    space.install(
        "--set",
        f"gateway.replicas={GATEWAYS},gateway.rateLimit=off,gateway.accessLog=off,cache.enabled=false,tests.enabled=false",
        "--set-json",
        f"gateway.config={json.dumps(CONFIG)}",
    )
    space.place_tools()
    for pod in space.gateways():
        eventually(partial(space.answers, address(pod)), "a gateway to know the upstream's name", 60)
    return space


@pytest.fixture(autouse=True)
def live(installed):
    """Quiet at the start of each test: no policy, a healthy upstream, every gateway ready."""
    installed.kubectl("delete", "rsp", "--all")
    installed.ask("/heal", "http://upstream:8080", "PUT")
    eventually(lambda: len(installed.gateways()) == GATEWAYS, "every gateway to be ready", 60)
    return installed


def limits(requests, **rule):
    return {"rules": [{"name": "per-client", "key": "Client", "requests": requests, "period": "1h"} | rule]}


def address(pod):
    return f"http://{pod['status']['podIP']}:8080"


def quota(space, pod):
    return space.ask("/ok", address(pod)).headers.get("ratelimit-policy", "")


def shown_as(space, state):
    """Whether `kubectl get rsp` shows the breaker so."""
    return state in space.kubectl("get", "rsp", "shop").splitlines()[1]


def has_event(space, reason, text):
    events = space.get("events", "--field-selector", f"reason={reason},involvedObject.name=shop")["items"]
    return any(text in one["message"] for one in events)


def test_an_edit_under_load_is_in_force_everywhere_and_fails_no_request(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(1_000_000))
    live.wait_ready("limits")
    before = live.identities()
    with live.load("/ok", rate=150) as load:
        with live.watching("/ok", "q=900000") as seen:
            sent = live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(900_000))
        live.wait_ready("limits")
        time.sleep(2)
    took = sorted(round(when - sent, 3) for when in seen.values())
    print(f"from the edit to force, by gateway: {took} s")
    assert len(took) == GATEWAYS
    load.assert_all("200")
    assert live.identities() == before
    status = live.get("rsp", "limits")["status"]
    assert status["gateways"]["summary"] == f"{GATEWAYS}/{GATEWAYS}"
    assert status["observedGeneration"] == 2


def test_twenty_edits_in_a_row_under_load_fail_no_request_and_the_last_one_holds(live):
    with live.load("/ok", rate=100) as load:
        for number in range(20):
            live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(500_000 + number))
        live.wait_ready("limits")
    load.assert_all("200")
    assert ["q=500019" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS


def test_a_changed_limit_keeps_what_was_used(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(50, scope="Local"))
    live.wait_ready("limits")
    (pod, *_) = live.gateways()
    for _ in range(10):
        left = live.ask("/ok", address(pod)).headers["ratelimit"]
    assert ";r=40" in left
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(30, scope="Local"))
    live.wait_ready("limits")
    assert ";r=19" in live.ask("/ok", address(pod)).headers["ratelimit"]


def test_a_lowered_threshold_opens_on_the_next_failure_and_not_on_the_edit(live):
    breaker = {"consecutiveFailures": 5, "openDuration": "1h", "halfOpenRequests": 1}
    live.apply_policy("shop", targetRefs=SHOP, circuitBreaker=breaker)
    live.wait_ready("shop")
    live.ask("/fail", "http://upstream:8080", "PUT")
    (pod, *_) = live.gateways()
    for _ in range(3):
        assert live.ask("/item", address(pod)).status == 503
    live.apply_policy("shop", targetRefs=SHOP, circuitBreaker=breaker | {"consecutiveFailures": 2})
    live.wait_ready("shop")
    assert live.breaker("shop", pod)["state"] == "closed"
    assert live.ask("/item", address(pod)).reason == ""
    opened = live.breaker("shop", pod)
    assert (opened["state"], live.ask("/item", address(pod)).reason) == ("open", "breaker_open")
    eventually(lambda: shown_as(live, f" open 1/{GATEWAYS} "), "kubectl get rsp to show it", 15)
    eventually(lambda: has_event(live, "BreakerOpened", "shop"), "the event", 15)
    (breaker_now,) = live.get("rsp", "shop")["status"]["breakers"]
    assert (breaker_now["state"], breaker_now["reason"]) == ("open", "consecutive_failures")
    assert breaker_now["replicas"] == {"closed": GATEWAYS - 1, "half_open": 0, "open": 1}
    # An edit of an open breaker keeps its state and the moment it opened; its end counts from there.
    live.apply_policy("shop", targetRefs=SHOP, circuitBreaker=breaker | {"openDuration": "30m"})
    live.wait_ready("shop")
    kept = live.breaker("shop", pod)
    assert (kept["state"], kept["since"]) == ("open", opened["since"])
    live.ask("/heal", "http://upstream:8080", "PUT")
    live.apply_policy("shop", targetRefs=SHOP, circuitBreaker=breaker | {"openDuration": "100ms"})
    live.wait_ready("shop")
    assert live.ask("/item", address(pod)).status == 200
    assert live.breaker("shop", pod)["state"] == "closed"
    eventually(lambda: shown_as(live, f" closed {GATEWAYS}/{GATEWAYS} "), "kubectl get rsp to show it", 15)
    eventually(lambda: has_event(live, "BreakerClosed", "shop"), "the event", 15)


def test_a_deleted_policy_gives_back_what_was_before(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(7))
    live.wait_ready("limits")
    live.kubectl("delete", "rsp", "limits")
    eventually(lambda: [quota(live, pod) for pod in live.gateways()] == [""] * GATEWAYS, "no limit", 10)


def test_an_invalid_policy_is_refused_by_the_api_server_with_the_name_of_the_field(live):
    with pytest.raises(AssertionError, match=r"halfOpenRequests"):
        live.apply_policy(
            "bad", targetRefs=SHOP, circuitBreaker={"consecutiveFailures": 3, "halfOpenRequests": 0}
        )


def test_a_rolling_restart_under_load_fails_no_request_and_the_settings_stay(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(700_000))
    live.wait_ready("limits")
    before = set(live.identities())
    with live.load("/ok", rate=100) as load:
        live.kubectl("rollout", "restart", "deployment/tidegate-gateway")
        live.kubectl("rollout", "status", "deployment/tidegate-gateway", "--timeout=150s", seconds=160)
        eventually(lambda: len(live.gateways()) == GATEWAYS, "the old ones to end", 60)
    load.assert_all("200")
    assert not before & set(live.identities())
    assert ["q=700000" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS
    live.wait_ready("limits")


def upgrade_to_workers(space):
    """Replaces every gateway by one with several processes; nothing where that was done."""
    space.helm(
        "upgrade", "tidegate", "charts/tidegate", "--reuse-values", "--wait", "--timeout", "180s",
        "--set", f"gateway.workers={WORKERS}",
    )  # fmt: skip
    eventually(lambda: len(space.gateways()) == GATEWAYS, "the old ones to end", 60)


def test_an_upgrade_to_workers_under_load_fails_no_request_and_keeps_key_and_settings(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(600_000))
    live.wait_ready("limits")
    before = set(live.identities())
    with live.load("/ok", rate=100) as load:
        upgrade_to_workers(live)
    load.assert_all("200")
    assert not before & set(live.identities())
    assert ["q=600000" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS
    live.wait_ready("limits")


@pytest.fixture(scope="module")
def with_workers(installed):
    """From here on each gateway has several; a test that runs alone brings them itself."""
    upgrade_to_workers(installed)


def workers(space, pod):
    return space.ask("/v1/config", f"http://{pod['status']['podIP']}:9080").json()["workers"]


@pytest.mark.usefixtures("with_workers")
def test_an_edit_is_in_force_in_every_worker_and_its_status_counts_pods(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(1_100_000))
    live.wait_ready("limits")
    for pod in live.gateways():
        told = [(one["number"], one["state"]) for one in workers(live, pod)]
        assert told == [(number + 1, "ready") for number in range(WORKERS)]
    with live.watching("/ok", "q=1200000", connections=CONNECTIONS) as seen:
        sent = live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(1_200_000))
    took = sorted(round(when - sent, 3) for when in seen.values())
    print(f"from the edit to force in every worker, by gateway: {took} s")
    assert len(took) == GATEWAYS
    live.wait_ready("limits")
    assert f" {GATEWAYS}/{GATEWAYS} " in live.kubectl("get", "rsp", "limits").splitlines()[1]


@pytest.mark.usefixtures("with_workers")
def test_a_killed_worker_costs_its_own_connections_only_and_has_a_successor(live):
    before = live.identities()
    (pod, *_) = live.gateways()
    name = pod["metadata"]["name"]
    victim, other = workers(live, pod)
    kill = f"import os, time; print(time.time()); os.kill({victim['pid']}, 9)"
    with live.load("/ok", rate=160, connections=CONNECTIONS, url=address(pod)) as load:
        killed_s = float(live.kubectl("exec", name, "--", "python", "-c", kill))
        successor, same = eventually(lambda: restarted(live, pod), "the successor")
    since_s = datetime.fromisoformat(successor["since"]).timestamp()
    print(f"started {since_s - killed_s:.3f} s after the kill; {len(load.failures)} of {CONNECTIONS} ended")
    assert set(load.statuses) == {"200"}
    assert 0 < len(load.failures) < CONNECTIONS  # each connection of the victim once
    assert [one for one in load.failures if "Refused" in one or "Timeout" in one] == []
    assert (successor["restarts"], same) == (1, other)
    assert "2 workers, restarted once" in live.kubectl("exec", name, "--", "tidegate", "status")
    eventually(lambda: live.identities() == before, "every gateway to be ready, none restarted")


def restarted(space, pod):
    """The workers of this gateway once all serve and one is not the first of its number."""
    found = workers(space, pod)
    serving = [one["state"] for one in found] == ["ready"] * WORKERS
    return found if serving and any(one["restarts"] for one in found) else None


def test_gateways_that_restart_while_the_operator_is_away_have_their_settings(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(300_000))
    live.wait_ready("limits")
    live.kubectl("scale", "deployment/tidegate-operator", "--replicas=0")
    live.kubectl("wait", "pod", "-l", "app.kubernetes.io/component=operator", "--for=delete", "--timeout=60s")
    try:
        live.kubectl("rollout", "restart", "deployment/tidegate-gateway")
        live.kubectl("rollout", "status", "deployment/tidegate-gateway", "--timeout=150s", seconds=160)
        eventually(lambda: len(live.gateways()) == GATEWAYS, "the old ones to end", 60)
        assert ["q=300000" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS
        live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(310_000))
    finally:
        live.kubectl("scale", "deployment/tidegate-operator", "--replicas=1")
    live.wait_ready("limits", 60)
    assert ["q=310000" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS


def test_the_operator_killed_in_the_middle_of_edits_loses_none(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(200_000))
    with live.load("/ok", rate=60) as load:
        live.kubectl(
            "delete", "pod", "-l", "app.kubernetes.io/component=operator", "--grace-period=0", "--force"
        )
        live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(210_000))
        live.wait_ready("limits", 60)
    load.assert_all("200")
    assert ["q=210000" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS


def test_a_gateway_killed_while_it_applies_comes_back_with_the_newest_settings(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(400_000))
    live.wait_ready("limits")
    (victim, *_) = live.gateways()
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(410_000))
    live.kubectl("delete", "pod", victim["metadata"]["name"], "--grace-period=0", "--force", "--wait=false")
    eventually(
        lambda: (
            len(live.gateways()) == GATEWAYS
            and victim["metadata"]["uid"] not in live.identities()
        ),
        "a successor",
        60,
    )  # fmt: skip
    live.wait_ready("limits", 30)
    assert ["q=410000" in quota(live, pod) for pod in live.gateways()] == [True] * GATEWAYS
    assert live.get("rsp", "limits")["status"]["gateways"]["summary"] == f"{GATEWAYS}/{GATEWAYS}"


def test_the_fleet_is_told_on_the_command_line(live):
    live.apply_policy("limits", targetRefs=GATEWAY, rateLimit=limits(800_000))
    live.wait_ready("limits")
    sequence = live.get("rsp", "limits")["status"]["snapshot"]["sequence"]
    code, out, err = tidegate("status", "--kube", "--namespace", NAMESPACE)
    assert (code, err) == (0, "")
    head, _, *rows = out.splitlines()
    assert re.fullmatch(rf"operator tidegate-operator-\S+: snapshot {sequence}", head)
    told = [
        row.split() for row in rows if " yes " in row
    ]  # one that was killed is known for a while, as not ready
    assert [row[1] for row in told] == sorted(pod["metadata"]["name"] for pod in live.gateways())
    applied = (NAMESPACE, "tidegate", "yes", "applied", str(sequence))
    assert [(row[0], *row[2:6]) for row in told] == [applied] * GATEWAYS


def test_the_gateway_that_had_a_request_tells_what_became_of_it(live):
    (pod, *_) = live.gateways()
    live.ask("/ok", address(pod), X_API_Key=live.key, X_Request_ID="e2e-4711")
    code, out, err = tidegate("why", "e2e-4711", "--namespace", NAMESPACE)
    print(out, err)
    assert code == 0
    assert out.splitlines()[0] == f"gateway {pod['metadata']['name']}:"
    assert "took route shop" in out
    code, out, err = tidegate("why", "e2e-odd", "--namespace", NAMESPACE)
    assert (code, out) == (1, "")
    assert err.count("no decision about 'e2e-odd' is kept") == GATEWAYS


def test_the_command_line_tells_who_won_who_lost_and_who_is_out(live):
    breaker = {"consecutiveFailures": 7}
    live.apply_policy("limits", targetRefs=GATEWAY, timeout={"request": "20s"}, circuitBreaker=breaker)
    live.apply_policy("route", targetRefs=[{"kind": "Route", "name": "shop"}], timeout={"request": "10s"})
    live.wait_ready("route")
    live.apply_policy("zz-late", targetRefs=GATEWAY, timeout={"request": "1s"})
    code, out, err = tidegate("explain", f"{NAMESPACE}/Route/shop")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: " ".join(line.split()[2:]) for line in out.splitlines()[1:]}
    assert rows["timeout"] == (
        f'{NAMESPACE}/route (Route/shop) {NAMESPACE}/limits (Gateway) {{"request":"10s"}}'
    )
    assert rows["circuitBreaker"].startswith(f"{NAMESPACE}/limits (Gateway)")
    assert rows["retry"] == "the gateway's own settings"
    assert f"not in force: {NAMESPACE}/zz-late: Conflicted: timeout of Gateway is already set" in out


def test_the_command_line_says_what_would_be_right(live, tmp_path):
    client = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    client["users"][0]["user"] = {"token": live.kubectl("create", "token", "default").strip()}
    (tmp_path / "poor").write_text(yaml.safe_dump(client))
    poor = {"KUBECONFIG": str(tmp_path / "poor")}
    namespaced = ("--namespace", NAMESPACE)
    for words, env, code, said in (
        (("explain", f"{NAMESPACE}/Route/nope"), {}, 2, "no gateway has Route/nope; Routes here: shop"),
        (("explain", f"{NAMESPACE}/shop"), {}, 2, "write it like shop/Route/orders, or shop/Gateway"),
        (("explain", "nowhere/Gateway"), {}, 2, "there is no namespace nowhere"),
        (("status", "--kube", "--namespace", "nowhere"), {}, 2, "there is no namespace nowhere"),
        (("status", "--kube", "--namespace", "default"), {}, 1, "no operator runs in namespace default"),
        (("explain", f"{NAMESPACE}/Gateway"), poor, 1, 'cannot list resource "resiliencepolicies"'),
        (("status", "--kube", *namespaced), poor, 1, 'cannot list resource "endpointslices"'),
    ):
        told = tidegate(*words, **env)
        assert (words, told[0], told[1], told[2].count("\n")) == (words, code, "", 1)
        assert said in told[2]


def forged(pod):
    """What somebody would say who claims that `pod` has applied everything."""
    claimed = Instance(pod["metadata"]["uid"], pod["metadata"]["name"], NAMESPACE, "forged", 1)
    return encode_request(SyncRequest(claimed)).decode()


def test_a_forged_acknowledgement_is_refused(live):
    url = "https://tidegate-operator:8082"
    own, other, *_ = live.gateways()
    name = own["metadata"]["name"]

    def token(account, *options):
        return live.kubectl("create", "token", account, *options).strip()

    def token_of_pod(account, pod_name):
        bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod_name}")
        return token(account, "--audience=tidegate-operator", *bound)

    cases = {
        "no token": ("", 401),
        "a token for the API server": (token("tidegate-gateway"), 401),
        "a token that no pod holds": (token("tidegate-gateway", "--audience=tidegate-operator"), 401),
        "a token of another account": (token_of_pod("default", "client"), 403),
        "a gateway's token for another gateway": (token_of_pod("tidegate-gateway", name), 403),
    }
    for case, (shown, status) in cases.items():
        field = {"Authorization": f"Bearer {shown}"} if shown else {}
        given = {"url": url, "path": "/v1/report", "method": "POST", "body": forged(other), "headers": field}
        answer = live.ask_from(own, given)
        assert (case, answer.status) == (case, status), answer.body
