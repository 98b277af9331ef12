"""The commands that ask a cluster, against answers by hand; a real one: `tests/e2e/test_kube_commands.py`."""

import json
from typing import Any

import httpx2
import pytest

from app.cli import kube
from app.cli.commands import dispatch
from app.cli.run import told
from tests.fakes.kubernetes_answers import Api, cluster, listed

SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
POLICIES = "/apis/tidegate.dev/v1alpha1/namespaces/shop/resiliencepolicies"
NAMESPACE = "/api/v1/namespaces/shop"
ROW = {
    "namespace": "shop",
    "pod": "gw-0",
    "gateway": "edge",
    "is_required": True,
    "state": "applied",
    "sequence": 7,
    "silent_s": 2.4,
    "error": "",
    "version": "0.1.0",
}
TARGETS = {"shop": {"gateways": ["edge"], "routes": ["cache", "orders"], "upstreams": ["cache"]}}


def asking(pod: str, path: str) -> tuple[str, str]:
    return "GET", f"/api/v1/namespaces/shop/pods/{pod}:9080/proxy{path}"


def operators(*pods: str, ready: bool = True) -> dict[str, Any]:
    endpoints = [
        {"targetRef": {"kind": "Pod", "name": pod}, "conditions": {"ready": ready}, "addresses": ["10.0.0.1"]}
        for pod in pods
    ]
    return listed({"metadata": {"name": "s"}, "endpoints": endpoints})


def resource(name: str, target: dict[str, str], **stanzas: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {"targetRefs": [target], **stanzas}}


LIMITS = resource("limits", {"kind": "Gateway"}, timeout={"request": "5s"})
ORDERS = resource("orders", {"kind": "Route", "name": "orders"}, timeout={"request": "1s"})


def usual() -> dict[tuple[str, str], Any]:
    return {
        ("GET", SLICES): operators("op-0"),
        ("GET", POLICIES): listed(LIMITS, ORDERS),
        asking("op-0", "/v1/instances"): {"sequence": 7, "instances": [ROW]},
        asking("op-0", "/v1/targets"): TARGETS,
    }


def status(answers: dict[tuple[str, str], Any], **options: Any) -> tuple[int, Api]:
    door, api = cluster(answers, tries=1)
    given: dict[str, Any] = {"as_json": False, "connected": lambda _: door, **options}
    return told(lambda: kube.show_instances(None, **given)), api


def explained(answers: dict[tuple[str, str], Any], text: str = "shop/Route/orders") -> tuple[int, Api]:
    door, api = cluster(answers, tries=1)
    return told(lambda: kube.show_explained(text, connected=lambda _: door)), api


def test_every_gateway_is_a_row(capsys):
    late = ROW | {"pod": "gw-1", "gateway": None, "is_required": False, "state": "stale", "silent_s": None}
    answers = usual()
    answers[asking("op-0", "/v1/instances")] = {"sequence": 7, "instances": [ROW, late]}
    assert status(answers)[0] == 0
    head, columns, first, second = capsys.readouterr().out.splitlines()
    assert head == "operator op-0: snapshot 7"
    assert columns.split() == list(kube._COLUMNS)
    assert first.split() == ["shop", "gw-0", "edge", "yes", "applied", "7", "2s"]
    assert second.split() == ["shop", "gw-1", "no", "stale", "7", "never"]


def test_what_a_gateway_says_cannot_move_the_cursor(capsys):
    answers = usual()
    answers[asking("op-0", "/v1/instances")] = {"sequence": 7, "instances": [ROW | {"error": "a\x1b[2J\nb"}]}
    assert status(answers)[0] == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("a [2J b")


def test_each_release_of_the_namespace_has_its_operator(capsys):
    answers = usual()
    answers["GET", SLICES] = operators("op-0", "op-1")
    answers[asking("op-1", "/v1/instances")] = {"sequence": 3, "instances": []}
    assert status(answers)[0] == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("operator")]
    assert heads == ["operator op-0: snapshot 7", "operator op-1: snapshot 3"]


def test_json_is_what_the_operators_say(capsys):
    assert status(usual(), as_json=True)[0] == 0
    assert json.loads(capsys.readouterr().out) == {"op-0": {"sequence": 7, "instances": [ROW]}}


def test_watching_asks_again_until_ctrl_c(capsys):
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    code = status(usual(), watch=True, pause=pause, connected=lambda _: cluster(usual())[0])[0]
    assert (code, pauses) == (0, [1.0, 1.0])
    assert capsys.readouterr().out.count("gw-0") == 2


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        (
            {("GET", SLICES): listed(), ("GET", NAMESPACE): {}},
            1,
            "no operator runs in namespace shop; name its",
        ),
        (
            {("GET", SLICES): listed(), ("GET", NAMESPACE): 404},
            2,
            "--namespace: there is no namespace shop; name one that `kubectl get namespaces` shows",
        ),
        ({("GET", SLICES): operators("op-0", ready=False)}, 1, "is not ready; see kubectl -n shop logs op-0"),
        ({("GET", SLICES): 403}, 1, "cannot list endpointslices: it says 403; ask for the right"),
        ({("GET", SLICES): 401}, 1, "log in again"),
        ({("GET", SLICES): httpx2.ConnectError("refused")}, 1, "refused; is the cluster of KUBECONFIG up"),
        ({asking("op-0", "/v1/instances"): 403}, 1, "cannot ask pod op-0 for /v1/instances: it says 403"),
        ({asking("op-0", "/v1/instances"): 503}, 1, "a network policy may keep the API server from its port"),
        ({asking("op-0", "/v1/instances"): {"sequence": 1}}, 1, "does not answer as an operator of version"),
        ({asking("op-0", "/v1/instances"): "hello"}, 1, "does not answer as an operator of version"),
    ],
)
def test_a_status_that_cannot_be_had_is_one_line(capsys, changed, code, said):
    assert status(usual() | changed)[0] == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_who_won_and_who_lost_is_told(capsys):
    assert explained(usual())[0] == 0
    out, err = capsys.readouterr()
    line = next(line for line in out.splitlines() if line.startswith("timeout"))
    assert line.split("  ")[0] == "timeout"
    assert "shop/orders (Route/orders)" in line
    assert line.endswith('shop/limits (Gateway)  {"request":"1s"}')
    assert err == ""


def test_who_is_not_in_force_is_told_with_its_reason(capsys):
    late = resource("zz-late", {"kind": "Route", "name": "orders"}, timeout={"request": "9s"})
    assert explained(usual() | {("GET", POLICIES): listed(ORDERS, late)})[0] == 0
    (last,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("not in force")]
    assert last.startswith("not in force: shop/zz-late: Conflicted: timeout of Route/orders")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop", "write it like shop/Route/orders, or shop/Gateway"),
        ("shop/Route/Orders", "'Orders' is not a DNS subdomain"),
        ("*/Gateway", "'*' is not a DNS label"),
        ("shop/Route/nope", "no gateway has Route/nope; Routes here: cache, orders"),
        ("shop/Upstream/nope", "no gateway has Upstream/nope; Upstreams here: cache"),
        ("shop/Gateway/nope", "no gateway has Gateway/nope; Gateways here: edge"),
    ],
)
def test_an_argument_that_names_nothing_exits_2_and_says_what_would_be_right(capsys, text, said):
    assert explained(usual(), text)[0] == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("NAMESPACE/TARGET: ")
    assert said in err


def test_only_the_first_of_many_names_are_told(capsys):
    many = {"shop": TARGETS["shop"] | {"routes": [f"r{number:02}" for number in range(11)]}}
    assert explained(usual() | {asking("op-0", "/v1/targets"): many}, "shop/Route/nope")[0] == 2
    assert capsys.readouterr().err.endswith("r08, r09 …\n")


def test_a_target_that_only_a_policy_knows_is_shown_with_a_word_on_it(capsys):
    typo = resource("typo", {"kind": "Route", "name": "ordres"}, timeout={"request": "1s"})
    assert explained(usual() | {("GET", POLICIES): listed(typo)}, "shop/Route/ordres")[0] == 0
    out, err = capsys.readouterr()
    assert "shop/typo (Route/ordres)" in out
    assert err == "no gateway has Route/ordres, though a policy names it; Routes here: cache, orders\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({("GET", SLICES): 403}, "cannot list endpointslices: it says 403"),
        ({("GET", SLICES): listed(), ("GET", NAMESPACE): {}}, "no operator runs in namespace shop"),
        ({asking("op-0", "/v1/targets"): 403}, "cannot ask pod op-0 for /v1/targets: it says 403"),
        ({asking("op-0", "/v1/targets"): {}}, "no gateway of namespace shop has called its operator yet"),
        (
            {asking("op-0", "/v1/targets"): "hello"},
            "no gateway of namespace shop has called its operator yet",
        ),
    ],
)
def test_without_the_operators_word_the_policies_are_explained_and_it_is_said(capsys, changed, said):
    assert explained(usual() | changed)[0] == 0
    out, err = capsys.readouterr()
    assert "shop/orders (Route/orders)" in out
    assert err.startswith(f"whether a gateway has Route/orders was not asked: {said}")


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({("GET", POLICIES): 404}, 1, "is Tidegate installed in this cluster?"),
        ({("GET", POLICIES): 403}, 1, "cannot list resiliencepolicies: it says 403; ask for the right"),
        (
            {("GET", POLICIES): listed(), ("GET", NAMESPACE): 404},
            2,
            "NAMESPACE/TARGET: there is no namespace shop; name one that `kubectl get namespaces` shows",
        ),
    ],
)
def test_an_explanation_that_cannot_be_had_is_one_line(capsys, changed, code, said):
    assert explained(usual() | changed)[0] == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["explain"], "tidegate explain: Missing argument 'NAMESPACE/TARGET'; see tidegate explain --help"),
        (["explain", "shop/orders"], "NAMESPACE/TARGET: 'shop/orders' names no target; write it like"),
        (["status", "--kube", "-n", "Shop"], "--namespace: 'Shop' is not a DNS label"),
        (["status", "--kube", "--namespace", ""], "--namespace: '' is not a DNS label"),
        (["status", "-n", "shop"], "--namespace: is for a cluster; add --kube, or leave it out"),
        (["status", "--kube", "--admin", "http://x"], "--admin: is for one gateway, --kube for a cluster"),
    ],
)
def test_a_wrong_command_line_exits_2(capsys, argv, said):
    assert told(lambda: dispatch(argv)) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(said)


@pytest.mark.parametrize("argv", [["status", "--kube"], ["explain", "shop/Gateway"]])
def test_without_a_client_configuration_it_is_told_what_to_set(capsys, monkeypatch, tmp_path, argv):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert told(lambda: dispatch(argv)) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith("not found; set KUBECONFIG or run in a pod\n")


def test_a_cluster_that_is_away_is_asked_once_and_told_in_one_line(capsys, monkeypatch, tmp_path):
    client = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me"}}],
        "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": {}}],
    }
    (tmp_path / "config").write_text(json.dumps(client))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert told(lambda: dispatch(["explain", "shop/Gateway"])) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "cannot list resiliencepolicies" in err
    assert "is the cluster of KUBECONFIG up, and reachable from here?" in err
