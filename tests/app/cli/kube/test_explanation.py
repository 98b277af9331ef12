"""Who won and who lost for a target, against answers by hand; a real cluster: `tests/e2e/test_live.py`."""

import pytest

from tests.app.cli.kube.samples import (
    NAMESPACE,
    ORDERS,
    POLICIES,
    SLICES,
    TARGETS,
    asking,
    explained,
    resource,
    usual,
)
from tests.fakes.kubernetes_responses import listed


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
    assert err.startswith("error: NAMESPACE/TARGET: ")
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
