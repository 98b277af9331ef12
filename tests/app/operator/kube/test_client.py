"""The door to lightkube against answers by hand; a real API server: `tests/e2e/test_operator_cluster.py`."""

import base64
from typing import Any

import httpx2
import pytest
import yaml
from lightkube import AsyncClient
from lightkube.config.client_adapter import AsyncClient as connect
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import User

from app.foundation.errors import ClusterError, StartFault
from app.operator.kube.client import KubeClient, connect_kube
from app.operator.kube.event_aggregator import EventAggregator, Notice
from app.operator.kube.resources import Stored
from tests.app.operator.samples import policy
from tests.fakes.kubernetes_responses import cluster, listed

POLICY = {
    "apiVersion": "tidegate.dev/v1alpha1",
    "kind": "ResiliencePolicy",
    "metadata": {"namespace": "shop", "name": "orders", "uid": "u", "generation": 2, "resourceVersion": "5"},
    "spec": {"timeout": {"request": "1s"}},
}


POLICIES = "/apis/tidegate.dev/v1alpha1/namespaces/shop/resiliencepolicies"
CONFIGMAP = "/api/v1/namespaces/shop/configmaps/snap"
SECRET = "/api/v1/namespaces/shop/secrets/ca"
REVIEW = "/apis/authentication.k8s.io/v1/tokenreviews"


async def test_policies_are_listed_and_read():
    client, _ = cluster({("GET", POLICIES): listed(POLICY)})
    (found,) = await client.policies("shop")
    assert (found.name, found.generation, found.resource_version) == ("orders", 2, "5")


async def test_all_namespaces_are_one_list():
    client, _ = cluster({("GET", "/apis/tidegate.dev/v1alpha1/resiliencepolicies"): listed(POLICY)})
    assert len(await client.policies("*")) == 1


async def test_slices_are_asked_for_by_their_labels():
    path = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
    client, api = cluster({("GET", path): listed({"metadata": {"name": "s"}})})
    (found,) = await client.slices("shop", "a=b,c=d")
    assert (found["metadata"]["name"], api.asked[0].url.params["labelSelector"]) == ("s", "a=b,c=d")


async def test_a_passing_fault_of_a_read_is_tried_again():
    client, api = cluster({("GET", POLICIES): [503, httpx2.ConnectError("refused"), listed()]})
    assert await client.policies("shop") == []
    assert len(api.asked) == 3


async def test_a_rejection_keeps_its_code():
    client, _ = cluster({("GET", POLICIES): 403})
    with pytest.raises(ClusterError, match="cannot list resiliencepolicies: it says 403") as caught:
        await client.policies("shop")
    assert caught.value.code == 403


async def test_a_status_is_replaced_as_a_whole_with_the_version_that_was_read():
    client, api = cluster({("PUT", f"{POLICIES}/orders/status"): POLICY})
    written = await client.write_status(policy(resource_version="4"), {"observedGeneration": 2})
    assert written is not None
    assert written.resource_version == "5"
    assert (api.body()["metadata"]["resourceVersion"], api.body()["status"]) == (
        "4",
        {"observedGeneration": 2},
    )


async def test_a_status_that_somebody_wrote_meanwhile_is_a_conflict():
    client, _ = cluster({("PUT", f"{POLICIES}/orders/status"): 409})
    with pytest.raises(ClusterError) as caught:
        await client.write_status(policy(), {})
    assert caught.value.code == 409


async def test_a_configmap_is_read_as_bytes():
    stored = {
        "metadata": {"name": "snap", "resourceVersion": "7", "labels": {"a": "b"}},
        "data": {"ca.crt": "CA"},
        "binaryData": {"s": base64.b64encode(b"\x00").decode()},
    }
    client, _ = cluster({("GET", CONFIGMAP): stored})
    found = await client.read_configmap("snap")
    assert (found.version, found.data) == ("7", {"ca.crt": b"CA", "s": b"\x00"})
    assert found.metadata["labels"] == {"a": "b"}


async def test_a_configmap_is_written_by_compare_and_swap_and_keeps_its_labels():
    client, api = cluster({("PUT", CONFIGMAP): {"metadata": {"name": "snap", "resourceVersion": "8"}}})
    read = Stored("7", {}, {"labels": {"a": "b"}, "annotations": None, "ownerReferences": None})
    written = await client.write_configmap("snap", read, {"s": b"\x00"}, {"ca.crt": "CA"})
    assert api.body() == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "snap", "resourceVersion": "7", "labels": {"a": "b"}},
        "binaryData": {"s": "AA=="},
        "data": {"ca.crt": "CA"},
    }
    assert (written.version, written.data) == ("8", {"ca.crt": b"CA", "s": b"\x00"})


async def test_of_a_written_configmap_the_api_server_is_asked_for_metadata_alone():
    client, api = cluster({("PUT", CONFIGMAP): {"metadata": {"name": "snap", "resourceVersion": "8"}}})
    await client.write_configmap("snap", Stored("7", {}, {}), {}, {})
    (asked,) = api.asked
    assert asked.headers["accept"].startswith("application/json;as=PartialObjectMetadata;")
    assert asked.url.params["fieldManager"] == "tidegate-operator"


async def test_a_response_without_metadata_to_a_written_configmap_is_a_fault():
    client, _ = cluster({("PUT", CONFIGMAP): {"kind": "Table"}})
    with pytest.raises(ClusterError, match="not that of a Kubernetes API") as caught:
        await client.write_configmap("snap", Stored("7", {}, {}), {}, {})
    assert caught.value.code == 0


async def test_a_secret_keeps_its_kind():
    stored = {"metadata": {"name": "ca", "resourceVersion": "1"}, "type": "Opaque", "data": {"k": "dg=="}}
    client, api = cluster({("GET", SECRET): stored, ("PUT", SECRET): stored})
    read = await client.read_secret("ca")
    await client.write_secret("ca", read, {"k": b"w"})
    assert (read.data, api.body()["type"], api.body()["data"]) == ({"k": b"v"}, "Opaque", {"k": "dw=="})


async def test_an_event_is_created_and_then_brought_up_to_date():
    events = EventAggregator()
    found = Notice("BreakerOpened", "it opened", "orders")
    path = "/api/v1/namespaces/shop/events"
    first = events.add(policy(), found, 0.0, 1_000.0)
    again = events.add(policy(), found, 20.0, 1_020.0)
    assert first is not None
    assert again is not None
    stored: dict[str, Any] = {"metadata": {}, "involvedObject": {}}
    client, api = cluster({("POST", path): stored, ("PATCH", f"{path}/{first.name}"): stored})
    await client.post_event(first)
    created = api.body()
    assert (created["reason"], created["type"], created["involvedObject"]["uid"]) == (
        "BreakerOpened",
        "Warning",
        "uid-orders",
    )
    await client.post_event(again)
    assert api.body()["count"] == 2


def review(**status: Any) -> dict[str, Any]:
    user = {
        "username": status.pop("username", "system:serviceaccount:shop:gateway"),
        "extra": status.pop(
            "extra",
            {
                "authentication.kubernetes.io/pod-name": ["gw-0"],
                "authentication.kubernetes.io/pod-uid": ["uid-0"],
            },
        ),
    }
    whole = {"authenticated": True, "audiences": ["tidegate-operator"], "user": user, **status}
    return {"metadata": {}, "spec": {"token": "a.b.c"}, "status": whole}


async def test_a_pods_token_says_whose_it_is():
    client, api = cluster({("POST", REVIEW): review()})
    found = await client.review("a.b.c")
    assert found is not None
    assert (found.namespace, found.service_account, found.pod_name, found.pod_uid) == (
        "shop",
        "gateway",
        "gw-0",
        "uid-0",
    )
    assert api.body()["spec"] == {"token": "a.b.c", "audiences": ["tidegate-operator"]}


@pytest.mark.parametrize(
    "found",
    [
        {"authenticated": False},
        {"audiences": ["somebody-else"]},
        {"username": "alice"},
        {"extra": {}},
    ],
)
async def test_any_other_token_is_nobodys(found):
    client, _ = cluster({("POST", REVIEW): review(**found)})
    assert await client.review("a.b.c") is None


def test_without_a_cluster_the_start_fails_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(StartFault, match="set KUBECONFIG or run in a pod"):
        connect_kube(None)


CLIENT = {
    "current-context": "one",
    "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me"}}],
    "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "t"}}],
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not: [yaml", "the file of KUBECONFIG is no client configuration (ParserError"),
        ("", "the file of KUBECONFIG is no client configuration (AttributeError"),
        ("hello", "is no client configuration"),
        ("{}", "is no client configuration (KeyError: 'clusters')"),
        (yaml.safe_dump(CLIENT | {"users": []}), "is no client configuration (KeyError: 'me')"),
        (
            yaml.safe_dump(CLIENT | {"current-context": "two"}),
            "no cluster to talk to: Context 'two' not found",
        ),
        (
            yaml.safe_dump(CLIENT | {"users": [{"name": "me", "user": {"auth-provider": {"name": "gcp"}}}]}),
            "auth-provider not supported; set KUBECONFIG",
        ),
    ],
)
def test_a_client_configuration_that_cannot_be_used_is_a_start_fault(monkeypatch, tmp_path, text, said):
    (tmp_path / "config").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(StartFault) as caught:
        connect_kube(None)
    assert said in str(caught.value)


async def test_what_is_not_a_kubernetes_api_is_an_error_and_no_end_of_the_operator():
    def plain(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400, content=b"Client sent an HTTP request to an HTTPS server.")

    client, api = cluster({})
    api.respond = plain
    with pytest.raises(ClusterError, match="the response is not that of a Kubernetes API") as caught:
        await client.write_status(policy(), {})
    assert caught.value.code == 0


POD = "/api/v1/namespaces/shop/pods/op-0:9080/proxy/v1/instances"


async def test_a_pod_is_asked_through_the_api_server():
    client, _ = cluster({("GET", POD): {"sequence": 7}})
    assert await client.ask_pod("shop", "op-0", 9080, "/v1/instances") == {"sequence": 7}


async def test_pods_are_asked_over_one_client_that_ends_with_the_door(monkeypatch):
    def noted(*args: Any) -> httpx2.AsyncClient:
        made.append(connect(*args))
        return made[-1]

    made: list[httpx2.AsyncClient] = []
    monkeypatch.setattr("app.operator.kube.client.connect", noted)
    door, _ = cluster({("GET", "/api/v1/namespaces/shop/pods/op-0:9080/proxy/x"): {}})
    await door.ask_pod("shop", "op-0", 9080, "/x")
    await door.ask_pod("shop", "op-0", 9080, "/x")
    (only,) = made
    assert not only.is_closed
    await door.close()
    assert only.is_closed


async def test_a_rejected_request_to_a_pod_says_why():
    client, _ = cluster({("GET", POD): 403})
    with pytest.raises(ClusterError, match="cannot ask pod op-0 for /v1/instances: it says 403") as caught:
        await client.ask_pod("shop", "op-0", 9080, "/v1/instances")
    assert caught.value.code == 403


async def test_a_pod_that_sends_no_json_is_reported():
    client, api = cluster({})
    api.respond = lambda _: httpx2.Response(200, content=b"<html>")
    with pytest.raises(ClusterError, match="the response is not that of a Kubernetes API"):
        await client.ask_pod("shop", "op-0", 9080, "/v1/instances")


@pytest.mark.parametrize(("response", "found"), [({"metadata": {}}, True), (404, False), (403, None)])
async def test_whether_a_namespace_exists_may_be_unknown(response, found):
    client, _ = cluster({("GET", "/api/v1/namespaces/far"): response})
    assert await client.has_namespace("far") is found


async def test_a_cluster_that_is_unavailable_is_not_a_missing_namespace():
    client, _ = cluster({("GET", "/api/v1/namespaces/far"): httpx2.ConnectError("refused")})
    with pytest.raises(ClusterError, match="refused"):
        await client.has_namespace("far")


@pytest.mark.parametrize(
    ("server", "url"),
    [("http://localhost:1", "ws://localhost:1"), ("https://k8s.example/x/", "wss://k8s.example/x")],
)
async def test_the_way_to_the_api_server_has_the_users_credentials(server, url):
    config = KubeConfig.from_one(cluster=Server(server), user=User(token="of-ada"), namespace="shop")
    client = KubeClient(AsyncClient(config, namespace="shop", trust_env=False))
    found = await client.api_server()
    assert (found.websocket_url, found.tls is not None) == (url, url.startswith("wss"))
    assert found.headers == {"Authorization": "Bearer of-ada"}
    assert "of-ada" not in repr(found)
    await client.close()


async def test_a_user_without_a_token_sends_none():
    config = KubeConfig.from_one(cluster=Server("http://localhost:1"), user=User(), namespace="shop")
    client = KubeClient(AsyncClient(config, namespace="shop", trust_env=False))
    assert (await client.api_server()).headers == {}
    await client.close()
