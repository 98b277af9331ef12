import pytest

from app.operator.routes.objects.fields import Reading
from app.operator.routes.objects.listeners import (
    AllowedNamespaces,
    Listener,
    ListenerTls,
    RouteKind,
    read_allowed_namespaces,
    read_listeners,
)
from app.operator.routes.objects.references import GATEWAY_GROUP, ObjectRef


def listeners(*values):
    return read_listeners(Reading("x").top({"listeners": list(values)}))


def test_a_plain_listener_takes_routes_of_its_own_namespace():
    assert listeners({"name": "http", "port": 80, "protocol": "HTTP"}) == (
        Listener("http", 80, "HTTP", None, None, AllowedNamespaces("Same"), ()),
    )


def test_all_fields_of_a_listener_are_read():
    (listener,) = listeners(
        {
            "name": "https",
            "port": 443,
            "protocol": "HTTPS",
            "hostname": "*.example.com",
            "tls": {"certificateRefs": [{"name": "cert"}], "options": {"a": "b"}},
            "allowedRoutes": {"namespaces": {"from": "All"}, "kinds": [{"kind": "HTTPRoute"}]},
        }
    )
    assert listener.hostname == "*.example.com"
    assert listener.tls == ListenerTls("Terminate", (ObjectRef("", "Secret", "cert"),), {"a": "b"})
    assert listener.namespaces == AllowedNamespaces("All")
    assert listener.kinds == (RouteKind(GATEWAY_GROUP, "HTTPRoute"),)


@pytest.mark.parametrize(
    ("said", "namespace", "labels", "takes"),
    [
        ({"from": "All"}, "other", {}, True),
        ({"from": "Same"}, "shop", {}, True),
        ({"from": "Same"}, "other", {}, False),
        ({"from": "None"}, "shop", {}, False),
        ({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}, "other", {"a": "b"}, True),
        ({"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}, "shop", {}, False),
        ({"from": "Selector"}, "shop", {}, False),
        ({}, "shop", {}, False),
    ],
)
def test_which_namespaces_are_allowed(said, namespace, labels, takes):
    allowed = read_allowed_namespaces(Reading("x").top(said), "None")
    assert allowed.takes("shop", namespace, labels) is takes
