import pytest

from app.operator.routes.grants import Grants
from app.operator.routes.objects.metadata import ObjectKey
from tests.app.operator.routes.manifests import value

ROUTES = ("gateway.networking.k8s.io", "HTTPRoute", "web")
GRANT = value(
    "ReferenceGrant",
    """
    from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}]
    to: [{group: "", kind: Service, name: orders}, {group: "", kind: Secret}]
    """,
)


@pytest.mark.parametrize(
    ("kind", "name", "is_allowed"),
    [
        ("Service", "orders", True),
        ("Service", "other", False),
        ("Secret", "any", True),
        ("ConfigMap", "a", False),
    ],
)
def test_a_grant_allows_what_it_names(kind, name, is_allowed):
    assert Grants([GRANT]).allows(ROUTES, "", kind, ObjectKey("shop", name)) is is_allowed


@pytest.mark.parametrize(
    "origin",
    [
        ("other", "HTTPRoute", "web"),
        ("gateway.networking.k8s.io", "GRPCRoute", "web"),
        ("gateway.networking.k8s.io", "HTTPRoute", "elsewhere"),
    ],
)
def test_a_grant_is_for_its_origins_only(origin):
    assert not Grants([GRANT]).allows(origin, "", "Service", ObjectKey("shop", "orders"))


def test_the_own_namespace_needs_no_grant():
    assert Grants([]).allows(("", "Any", "shop"), "", "Service", ObjectKey("shop", "orders"))
