"""In which gateways a policy must be in force, and which of its targets there are."""

import pytest

from app.operator.policy.attachments import Attachments
from app.operator.policy.policy_context import PolicyContext
from app.policy.model import TargetGroup, TargetKind, TargetRef
from tests.app.operator.samples import LINEAGE, call, fleet_of

RELEASE = TargetRef(TargetKind.GATEWAY)
EDGE = TargetRef(TargetKind.GATEWAY, "edge")
INNER = TargetRef(TargetKind.GATEWAY, "inner")
ORDERS = TargetRef(TargetKind.ROUTE, "orders")
WEB = TargetRef(TargetKind.HTTP_ROUTE, "web", TargetGroup.GATEWAY_API)
ATTACHED = Attachments(
    frozenset({"httproute/shop/web"}), {"httproute/shop/web": ("gateway/a/b", "gateway/c/d")}
)


def context(attachments=ATTACHED, *, fleet_is_own=False):
    fleet = fleet_of(
        call("edge-1", applied=1),
        call("inner-1", applied=1, gateway="inner"),
        call("fleet-1", namespace="tidegate"),
    )
    own = fleet.pods("shop", LINEAGE, 1_000.0)
    others = own if fleet_is_own else fleet.pods("tidegate", LINEAGE, 1_000.0)
    return PolicyContext("shop", own, fleet.known_targets("shop"), (), others, attachments)


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ((RELEASE,), ["edge-1", "inner-1"]),
        ((EDGE,), ["edge-1"]),
        ((EDGE, INNER), ["edge-1", "inner-1"]),
        ((WEB,), ["fleet-1"]),
        ((EDGE, WEB), ["edge-1", "fleet-1"]),
        ((WEB, ORDERS), ["edge-1", "inner-1", "fleet-1"]),
    ],
)
def test_the_targets_say_which_gateways_must_apply_it(targets, names):
    assert [pod.name for pod in context().in_scope(targets)] == names


def test_a_gateway_that_must_apply_it_for_two_reasons_counts_once():
    assert [pod.name for pod in context(fleet_is_own=True).in_scope((EDGE, WEB))] == ["edge-1", "inner-1"]


def test_targets_that_nobody_has_are_missing():
    gone = TargetRef(TargetKind.ROUTE, "gone")
    found = context().missing((RELEASE, EDGE, ORDERS, WEB, gone))
    assert found == [gone]
    assert context().absence(gone) == "no gateway knows Route/gone"
    assert context().absence(gone, in_namespace=True) == "no gateway of shop knows Route/gone"


def test_objects_are_missing_where_none_are_served():
    served = context(Attachments())
    assert served.missing((WEB, EDGE)) == [WEB]
    assert served.absence(WEB) == "there is no HTTPRoute/web in namespace shop"


def test_while_objects_are_not_known_nothing_is_said_of_them():
    early = context(None)
    assert early.unknown((WEB,)) == ("Reconciling", "the cluster's routes are not known yet")
    assert early.unknown((EDGE,)) is None
    assert early.missing((WEB,)) == []
    assert not early.is_settled((WEB, EDGE))
    assert early.ancestors((WEB,)) == ()


def test_objects_need_no_gateway_that_called():
    silent = PolicyContext("shop", (), None, attachments=ATTACHED)
    assert silent.unknown((WEB,)) is None
    assert silent.is_settled((WEB,))
    assert silent.unknown((WEB, EDGE)) == ("NoGateways", "no gateway has called yet")
    assert silent.missing((EDGE,)) == []


def test_its_ancestors_are_the_gateways_of_its_objects():
    assert context().ancestors((EDGE, WEB)) == ("gateway/a/b", "gateway/c/d")
