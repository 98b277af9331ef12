import httpx2
import pytest

from app.admin.decision_views import decision_shape
from app.cli.fault_report import exit_code
from app.cli.kube.why import explain_request_in
from tests.app.cli.kube.samples import NAMESPACE, SLICES, asking, gateways
from tests.app.telemetry.test_decisions import entry, ring_of
from tests.fakes.kubernetes_responses import cluster, listed

PATH = "/v1/decisions/order-4711"
REACH = "no decision about 'order-4711' is kept; there are the last 7 decisions, since 03:12:04 UTC"


def kept():
    decision = ring_of(entry("order-4711")).find("order-4711")
    assert decision is not None
    return decision_shape(decision)


def asked(capsys, **changed):
    """Exit code, stdout and stderr of a namespace with gw-0 and gw-1."""
    answers = {
        ("GET", SLICES): gateways("gw-0", "gw-1"),
        **{asking(pod.replace("_", "-"), PATH): reply for pod, reply in changed.items()},
    }
    door, _ = cluster(answers, tries=1)
    code = exit_code(lambda: explain_request_in("shop", "order-4711", connected=lambda _: door))
    return code, *capsys.readouterr()


def test_the_gateway_that_had_it_says_what_became_of_it(capsys):
    code, out, err = asked(capsys, gw_0=404, gw_1=kept())
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "gateway gw-1:"
    assert out.splitlines()[1].startswith("  GET by client acme (tier gold) at ")


def test_one_that_does_not_respond_is_named_beside_it(capsys):
    code, out, err = asked(capsys, gw_0=kept(), gw_1=503)
    assert (code, out.splitlines()[0]) == (0, "gateway gw-0:")
    assert err == f"warning: gw-1: cannot ask pod gw-1 for {PATH}: it says 503\n"


def test_an_id_that_nobody_keeps_exits_with_1_and_tells_each_reach(capsys):
    code, out, err = asked(capsys, gw_0=404, gw_1=404)
    assert (code, out) == (1, "")
    assert [line.split(":")[1].strip() for line in err.splitlines()] == ["gw-0", "gw-1"]


def test_the_reach_is_what_the_gateway_says(capsys):
    door, api = cluster({("GET", SLICES): gateways("gw-0")}, tries=1)
    api.respond = lambda request: (
        httpx2.Response(404, json={"title": "Not Found", "detail": REACH})
        if "proxy" in request.url.path
        else httpx2.Response(200, json=gateways("gw-0"))
    )
    assert explain_request_in("shop", "order-4711", connected=lambda _: door) == 1
    assert capsys.readouterr().err == f"error: gw-0: {REACH}\n"


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ({("GET", SLICES): listed(), ("GET", NAMESPACE): {}}, 1, "no gateway runs in namespace shop"),
        ({("GET", SLICES): 403}, 1, "cannot list endpointslices: it says 403; ask for the right"),
        (
            {("GET", SLICES): gateways("gw-0"), asking("gw-0", PATH): {}},
            1,
            "pod gw-0 is no gateway of version",
        ),
    ],
)
def test_what_cannot_be_had_is_one_line(answers, code, said, capsys):
    door, _ = cluster(answers, tries=1)
    assert exit_code(lambda: explain_request_in("shop", "order-4711", connected=lambda _: door)) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_a_namespace_that_cannot_be_is_a_fault(capsys):
    assert exit_code(lambda: explain_request_in("no such", "x")) == 2
    assert "--namespace" in capsys.readouterr().err
