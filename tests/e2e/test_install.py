"""`helm install` with no value set, in a namespace that enforces the restricted standard."""

import json
import re

import pytest

from tests.deploy.render import CHART, FOREIGN, objects, profile
from tests.e2e.cluster import eventually, is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
NAMESPACE = "e2e-install"
PROFILES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
BARE_PING = (
    "import socket; valkey = socket.create_connection(('tidegate-valkey', 6379), 5);"
    "valkey.sendall(b'PING\\r\\n'); print(valkey.recv(99).decode())"
)


@pytest.fixture(scope="module")
def installed(space):
    space.install()
    space.place_tools()
    return space


def test_every_pod_of_a_plain_install_is_ready_and_never_restarted(installed):
    pods = installed.get("pods", "-l", "app.kubernetes.io/part-of=tidegate")["items"]
    assert len(pods) == 2 + 2 + 1 + 1  # gateways, cache services, operator, Valkey
    assert all(is_ready(pod) for pod in pods)
    assert [one["restartCount"] for pod in pods for one in pod["status"]["containerStatuses"]] == [0] * 6


def test_the_gateways_run_native_code(installed):
    told = installed.kubectl("exec", "deployment/tidegate-gateway", "--", "tidegate", "version")
    assert "\nbuild: compiled with mypyc " in told


def test_a_request_through_the_service_wants_the_key_that_was_made(installed):
    refused = installed.ask("/cache/x", X_API_Key="wrong")
    assert (refused.status, refused.reason) == (401, "key_unknown")
    assert installed.ask("/cache/nothing-here").status == 404


def test_a_value_goes_through_the_gateway_into_the_store_and_back(installed):
    eventually(
        lambda: (
            installed.ask("/cache/greeting?ttl=600", method="PUT", body="hello").headers["cache-durability"]
            == "redis"
        ),
        "the store to be there",
    )
    assert installed.ask("/cache/greeting").body == "hello"


def test_the_releases_own_tests_pass(installed):
    told = installed.helm("test", "tidegate", "--timeout", "200s")
    assert len(re.findall(r"Phase:\s+Succeeded", told)) == 3


def test_valkey_serves_nobody_without_the_password(installed):
    (pod, *_) = installed.gateways()  # which may reach it, where network policies are enforced
    told = installed.kubectl("exec", pod["metadata"]["name"], "--", "python", "-c", BARE_PING)
    assert told.startswith("-NOAUTH")


def test_an_upgrade_keeps_key_and_password_and_restarts_nothing_that_did_not_change(installed):
    before = installed.identities()
    made = ("secrets", "tidegate-api-key", "tidegate-valkey-password")
    secrets = [one["data"] for one in installed.get(*made)["items"]]
    installed.helm("upgrade", "tidegate", "charts/tidegate", "--reuse-values", "--wait", "--timeout", "120s")
    assert installed.identities() == before
    assert [one["data"] for one in installed.get(*made)["items"]] == secrets


def test_the_volume_keeps_the_entries_when_valkeys_pod_and_every_cache_pod_are_gone(installed):
    eventually(
        lambda: (
            installed.ask("/cache/kept?ttl=3600", method="PUT", body="kept").headers["cache-durability"]
            == "redis"
        ),
        "the store to be there",
    )
    installed.kubectl("delete", "pod", "tidegate-valkey-0", "--wait")
    installed.kubectl("rollout", "restart", "deployment/tidegate-cache")
    installed.kubectl("rollout", "status", "statefulset/tidegate-valkey", "--timeout=90s")
    installed.kubectl("rollout", "status", "deployment/tidegate-cache", "--timeout=90s")
    eventually(lambda: installed.ask("/cache/kept").body == "kept", "the entry to be back", 40)


def test_the_operators_rights_are_enough_for_what_it_does(installed):
    installed.apply_policy("rights", targetRefs=[{"kind": "Gateway"}], timeout={"request": "5s"})
    installed.wait_ready("rights")
    installed.kubectl("delete", "rsp", "rights")
    told = installed.kubectl("logs", "deployment/tidegate-operator").lower()
    assert "tidegate operator" in told
    assert [line for line in told.splitlines() if "403" in line or "forbidden" in line] == []


@pytest.mark.parametrize("name", PROFILES)
def test_the_api_server_takes_every_profile_without_a_warning(installed, name):
    known = [one for one in objects(profile(name), namespace=NAMESPACE) if one["kind"] not in FOREIGN]
    for one in known:
        one["metadata"]["name"] += "" if one["kind"] == "CustomResourceDefinition" else "-dry"
        one["metadata"].pop("namespace", None)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": known})
    words = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename", "-")
    told = installed.kubectl(*words, stdin=text, check=False)
    assert told.count("serverside-applied (server dry run)") == len(known), told
    assert "Warning" not in told


def test_gateways_hold_no_token_of_the_api_server(installed):
    (pod, *_) = installed.gateways()
    found = installed.kubectl(
        "exec",
        pod["metadata"]["name"],
        "--",
        "python",
        "-c",
        "import os; print(os.path.exists('/var/run/secrets/kubernetes.io'), os.listdir('/var/run/tidegate'))",
    )
    assert found.startswith("False [")
    assert "'token'" in found


def test_the_root_of_every_container_is_read_only(installed):
    for workload in (
        "deployment/tidegate-gateway",
        "deployment/tidegate-cache",
        "deployment/tidegate-operator",
    ):
        told = installed.kubectl("exec", workload, "--", "python", "-c", "open('/srv/x', 'w')", check=False)
        assert "Read-only file system" in told
