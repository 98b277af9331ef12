"""`tidegate explain` for objects of the cluster, against answers by hand."""

import pytest

from tests.app.cli.kube.samples import POLICIES, explained, resource
from tests.fakes.kubernetes_responses import listed

EVERY_POLICY = "/apis/tidegate.dev/v1alpha1/resiliencepolicies"
EVERY_SLICE = "/apis/discovery.k8s.io/v1/endpointslices"
WEB = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}
OF_WEB = resource("web", WEB, timeout={"request": "1s"})
SLICE = {
    "metadata": {"name": "s", "namespace": "tidegate"},
    "endpoints": [
        {
            "targetRef": {"kind": "Pod", "name": "op-0"},
            "conditions": {"ready": True},
            "addresses": ["10.0.0.1"],
        },
        {
            "targetRef": {"kind": "Pod", "name": "op-1"},
            "conditions": {"ready": False},
            "addresses": ["10.0.0.2"],
        },
        {"addresses": ["10.0.0.3"]},
    ],
}
KNOWN = {
    "known": True,
    "served": True,
    "exists": True,
    "namespace": "tidegate",
    "releases": ["tidegate"],
    "gateways": ["gateway/infra/edge"],
    "services": [],
    "others": [],
}


def asking(name="httproute/shop/web"):
    return "GET", f"/api/v1/namespaces/tidegate/pods/op-0:9080/proxy/v1/attachments/{name}"


def usual(**attachment):
    return {
        ("GET", EVERY_POLICY): listed(OF_WEB),
        ("GET", EVERY_SLICE): listed(SLICE),
        asking(): {**KNOWN, **attachment},
    }


def test_who_won_is_told_with_where_its_requests_come_in(capsys):
    assert explained(usual(), "shop/HTTPRoute/web")[0] == 0
    out, err = capsys.readouterr()
    line = next(line for line in out.splitlines() if line.startswith("timeout"))
    assert "shop/web (HTTPRoute/web)" in line
    assert err == "requests meet HTTPRoute/web at infra/edge\n"


def test_one_that_no_request_meets_is_told_apart(capsys):
    assert explained(usual(gateways=[]), "shop/HTTPRoute/web")[0] == 0
    assert capsys.readouterr().err == (
        "no request meets HTTPRoute/web: no Gateway of Tidegate takes any for it\n"
    )


def test_what_is_not_there_exits_2_and_names_what_is(capsys):
    gone = {
        **KNOWN,
        "exists": False,
        "gateways": [],
        "others": ["httproute/shop/admin", "httproute/shop/web"],
    }
    answers = usual() | {asking("httproute/shop/wbe"): gone}
    assert explained(answers, "shop/HTTPRoute/wbe")[0] == 2
    err = capsys.readouterr().err
    assert "there is no HTTPRoute/wbe in namespace shop; HTTPRoutes there: admin, web" in err


def test_what_only_a_policy_names_is_shown_with_a_word_on_it(capsys):
    assert explained(usual(exists=False, gateways=[]), "shop/HTTPRoute/web")[0] == 0
    assert capsys.readouterr().err == (
        "there is no HTTPRoute/web in namespace shop, though a policy names it; HTTPRoutes there: none\n"
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({("GET", EVERY_SLICE): listed()}, "no operator is ready"),
        ({("GET", EVERY_SLICE): 403}, "cannot list endpointslices: it says 403"),
        ({asking(): {"known": False}}, "operator tidegate/op-0 does not know the cluster's routes yet"),
        ({asking(): "hello"}, "operator tidegate/op-0 does not know the cluster's routes yet"),
        ({asking(): {"known": True, "served": False}}, "operator tidegate/op-0 serves no Gateway API"),
    ],
)
def test_without_an_operator_policies_are_shown_all_the_same(capsys, changed, said):
    assert explained(usual() | changed, "shop/HTTPRoute/web")[0] == 0
    out, err = capsys.readouterr()
    assert "shop/web (HTTPRoute/web)" in out
    assert err.startswith("what HTTPRoute/web is attached to was not asked: ")
    assert said in err


def test_who_may_not_see_all_namespaces_is_shown_their_own(capsys):
    answers = usual() | {("GET", EVERY_POLICY): 403, ("GET", POLICIES): listed(OF_WEB)}
    assert explained(answers, "shop/HTTPRoute/web")[0] == 0
    assert "only policies of shop are shown" in capsys.readouterr().err


def test_an_api_server_that_fails_is_a_fault(capsys):
    assert explained(usual() | {("GET", EVERY_POLICY): 500}, "shop/HTTPRoute/web")[0] == 1
    assert "it says 500" in capsys.readouterr().err
