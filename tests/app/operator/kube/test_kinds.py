"""How kinds are named in the paths of the Kubernetes API."""

import pytest

from app.operator.kube.kinds import GATEWAY, GATEWAY_CLASS, SERVICE


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (GATEWAY.path("v1"), "/apis/gateway.networking.k8s.io/v1/gateways"),
        (GATEWAY.path("v1", "shop"), "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways"),
        (
            GATEWAY.path("v1", "shop", "web", "status"),
            "/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/web/status",
        ),
        (
            GATEWAY_CLASS.path("v1", None, "tidegate"),
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/tidegate",
        ),
        (SERVICE.path("v1", "shop", "web"), "/api/v1/namespaces/shop/services/web"),
    ],
)
def test_a_path_names_group_namespace_and_what_is_below(path, expected):
    assert path == expected


@pytest.mark.parametrize(("kind", "expected"), [(GATEWAY, "gateway.networking.k8s.io/v1"), (SERVICE, "v1")])
def test_an_api_version_has_the_group_unless_it_is_the_core(kind, expected):
    assert kind.api_version("v1") == expected
