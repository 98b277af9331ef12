import asyncio

from app.admin.decision_views import decisions_shape
from app.cli.decision_stream import TapQuery
from app.cli.fault_report import exit_code
from app.cli.kube import tap
from app.cli.kube.tap import tap_namespace
from app.operator.kube.client import KubeClient
from app.telemetry.decisions import Filter
from tests.app.cli.kube.samples import NAMESPACE, SLICES, asking, gateways
from tests.app.cli.test_tap import Pauses
from tests.app.telemetry.test_decisions import entry, ring_of
from tests.fakes.kubernetes_responses import cluster, listed

PATH = "/v1/decisions"


def reply(*ids):
    return decisions_shape(ring_of(*(entry(each, at=1_800_000_000.0) for each in ids)).recent(Filter(), 10))


def tapped(answers, pauses=0):
    return exit_code(
        lambda: tap_namespace(
            "shop",
            TapQuery(),
            connected=lambda _: cluster(answers, tries=1)[0],
            pause=Pauses(*[lambda: None] * pauses),
        )
    )


def test_all_gateways_of_a_namespace_are_followed(capsys):
    answers = {
        ("GET", SLICES): [gateways("gw-0"), gateways("gw-0", "gw-1")],
        asking("gw-0", PATH): [reply("1"), reply("2")],
        asking("gw-1", PATH): reply("3"),
    }
    assert tapped(answers, 1) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(line[1], line[-1]) for line in lines] == [("gw-0", "1"), ("gw-0", "2"), ("gw-1", "3")]


def test_one_that_goes_is_told_and_the_others_go_on(capsys):
    answers = {
        ("GET", SLICES): gateways("gw-0", "gw-1"),
        asking("gw-0", PATH): [reply("1"), 503, reply("4")],
        asking("gw-1", PATH): [reply("2"), reply("3"), 404],
    }
    assert tapped(answers, 2) == 0
    out, err = capsys.readouterr()
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["1", "2", "3", "4"]
    assert [line.partition(":")[0] for line in err.splitlines()[1:]] == ["gw-0", "gw-0", "gw-1"]


def test_polls_share_a_connection_until_the_api_server_fails(capsys):
    def connected(_):
        made.append(cluster(answers, tries=1)[0])
        return made[-1]

    made: list[KubeClient] = []
    answers = {
        ("GET", SLICES): [gateways("gw-0"), gateways("gw-0"), 401, gateways("gw-0")],
        asking("gw-0", PATH): [reply("1"), reply("2"), reply("3")],
    }
    pauses = Pauses(*[lambda: None] * 3)
    assert tap_namespace("shop", TapQuery(), connected=connected, pause=pauses) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("3")
    assert len(made) == 2, "one before the fault, one after it"


def test_an_api_server_that_goes_is_tried_again(capsys):
    answers = {
        ("GET", SLICES): [gateways("gw-0"), 503, gateways("gw-0")],
        asking("gw-0", PATH): [reply("1"), reply("2")],
    }
    assert tapped(answers, 2) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].endswith("2")
    assert err.splitlines()[1].startswith("gw-0: cannot list endpointslices")
    assert err.splitlines()[2] == "gw-0: the gateway responds again"


def test_nothing_at_the_start_exits(capsys):
    assert tapped({("GET", SLICES): listed(), ("GET", NAMESPACE): {}}) == 1
    assert "no gateway runs in namespace shop" in capsys.readouterr().err
    assert tapped({("GET", SLICES): gateways("gw-0"), asking("gw-0", PATH): 503}) == 1
    assert "cannot ask pod gw-0" in capsys.readouterr().err


def test_one_that_hangs_keeps_no_other_waiting(monkeypatch, capsys):
    monkeypatch.setattr(tap, "_WAIT_S", 0.01)

    async def plays(self, namespace, pod, port, path):
        if pod == "gw-0":
            await asyncio.Event().wait()
        return reply("2")

    monkeypatch.setattr(KubeClient, "ask_pod", plays)
    assert tapped({("GET", SLICES): gateways("gw-0", "gw-1")}) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[-1] == "2"
    assert "gw-0: it did not respond within 0.01 s; trying again" in err
