"""The gateways of a cluster as rows, against answers by hand; a real one: `tests/e2e/test_live.py`."""

import io
import json
import sys

import httpx2
import pytest

from app.cli.status.output import Output
from app.schema.document import load_document
from tests.app.cli.kube.samples import NAMESPACE, NOW, ROW, SLICES, asking, operators, status, usual
from tests.fakes.kubernetes_responses import cluster, listed


def test_every_gateway_is_a_row(capsys):
    late = ROW | {"pod": "gw-1", "gateway": None, "is_required": False, "state": "stale", "silent_s": None}
    answers = usual()
    answers[asking("op-0", "/v1/instances")] = {"sequence": 7, "now": NOW, "instances": [ROW, late]}
    assert status(answers)[0] == 0
    head, _, *_, first, second = capsys.readouterr().out.splitlines()
    assert head == "operator op-0: snapshot 7"
    assert first.split() == ["shop", "gw-0", "edge", "yes", "applied", "7", "2s", "-", "-"]
    assert second.split() == ["shop", "gw-1", "-", "no", "stale", "7", "never", "-", "-"]


def test_what_a_gateway_says_cannot_move_the_cursor(capsys):
    answers = usual()
    answers[asking("op-0", "/v1/instances")] = {
        "sequence": 7,
        "now": NOW,
        "instances": [ROW | {"error": "a\x1b[2J\nb"}],
    }
    assert status(answers)[0] == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("a?[2J?b")


def test_each_release_of_the_namespace_has_its_operator(capsys):
    answers = usual()
    answers["GET", SLICES] = operators("op-0", "op-1")
    answers[asking("op-1", "/v1/instances")] = {"sequence": 3, "now": NOW, "instances": []}
    assert status(answers)[0] == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("operator")]
    assert heads == ["operator op-0: snapshot 7", "operator op-1: snapshot 3"]


def test_yaml_is_what_the_operators_say(capsys):
    assert status(usual(), output=Output.YAML)[0] == 0
    read = load_document(capsys.readouterr().out.encode(), "out")
    assert read.value == {"op-0": {"sequence": 7, "now": NOW, "instances": [ROW]}}


def test_json_is_what_the_operators_say(capsys):
    assert status(usual(), output=Output.JSON)[0] == 0
    assert json.loads(capsys.readouterr().out) == {"op-0": {"sequence": 7, "now": NOW, "instances": [ROW]}}


def test_watching_asks_again_until_ctrl_c(capsys):
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    code = status(usual(), watch=True, pause=pause, connected=lambda _: cluster(usual())[0])[0]
    assert (code, pauses) == (0, [1.0, 1.0])
    assert capsys.readouterr().out.count("gw-0") == 2


class AtTerminal(io.StringIO):
    """A stdout that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_drawn_in_place_and_says_when_it_is_not_live(monkeypatch):
    monkeypatch.setattr(sys, "stdout", shown := AtTerminal())
    instances = asking("op-0", "/v1/instances")
    says = usual()[instances]
    answers = usual() | {instances: [says, says, 503, says]}
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise KeyboardInterrupt

    code = status(usual(), watch=True, pause=pause, connected=lambda _: cluster(answers, tries=1)[0])[0]
    assert code == 0
    screens = shown.getvalue().split("operator op-0: snapshot 7")
    assert len(screens) == 5
    assert [("NOT LIVE: " in screen) for screen in screens] == [False, False, True, False, False]


def test_an_operator_that_never_responded_is_an_error_on_a_terminal_too(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", AtTerminal())
    assert status(usual() | {("GET", SLICES): 403}, watch=True)[0] == 1
    assert capsys.readouterr().err.startswith("error: cannot list endpointslices")


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
        ({asking("op-0", "/v1/instances"): {"sequence": 1}}, 1, "is no operator of version"),
        (
            {asking("op-0", "/v1/instances"): {"sequence": 1, "now": NOW, "instances": [{}]}},
            1,
            "is no operator of version",
        ),
        ({asking("op-0", "/v1/instances"): "hello"}, 1, "is no operator of version"),
    ],
)
def test_a_status_that_cannot_be_had_is_one_line(capsys, changed, code, said):
    assert status(usual() | changed)[0] == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
