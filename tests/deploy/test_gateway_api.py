"""What the chart makes for routes from the cluster, and what it leaves alone without Gateway API."""

import pytest

from tests.deploy.render import environment, found, objects, profile, rendered

HAS = {"apiVersionsOverride": ["gateway.networking.k8s.io/v1"]}


def mode(values):
    pod = found(objects(values), "Deployment", "tidegate-operator")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    return environment(container)["GATEWAY_API"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "auto"),
        (HAS, "true"),
        ({"gatewayAPI": {"enabled": False}}, "false"),
        ({**HAS, "gatewayAPI": {"enabled": False}}, "false"),
        ({**HAS, "gatewayAPI": {"enabled": True}}, "true"),
    ],
)
def test_the_operator_reads_routes_where_gateway_api_is(values, expected):
    assert mode(values) == expected


def test_a_class_of_each_front_end_names_the_controller():
    made = objects({**HAS, "gatewayAPI": {"className": "edge", "controllerName": "example.com/edge"}})
    assert found(made, "GatewayClass", "edge")["spec"] == {"controllerName": "example.com/edge"}
    assert found(made, "IngressClass", "edge")["spec"] == {"controller": "example.com/edge"}


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ({}, set()),
        ({"gatewayAPI": {"enabled": False}, **HAS}, set()),
        ({"gatewayAPI": {"ingress": False}, **HAS}, {"GatewayClass"}),
        ({"gatewayAPI": {"className": ""}, **HAS}, set()),
        ({"operator": {"enabled": False}, **HAS}, set()),
    ],
)
def test_no_class_is_made_that_nobody_serves(values, kinds):
    classes = {"GatewayClass", "IngressClass"}
    assert {one["kind"] for one in objects(values)} & classes == kinds


def test_listeners_ports_are_open_in_the_gateway_pods():
    made = objects(profile("gateway-api"))
    (first, *_) = found(made, "NetworkPolicy", "tidegate-gateway")["spec"]["ingress"]
    assert first == {"ports": [{"port": "http"}, {"port": 20_000, "endPort": 32_767}]}
    (first, *_) = found(objects(), "NetworkPolicy", "tidegate-gateway")["spec"]["ingress"]
    assert first == {"ports": [{"port": "http"}]}


def test_the_notes_say_which_class_is_served_or_what_is_missing():
    assert "whose gatewayClassName is tidegate" in rendered(HAS)["NOTES.txt"]
    assert "Once it is, run helm upgrade" in rendered({})["NOTES.txt"]
