"""What the chart makes for routes from the cluster, and what it leaves alone without Gateway API."""

import pytest
import yaml

from app.config.check import Findings, check_paths
from app.config.parsing.config_file import parse_config
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


def config_of(values):
    return found(objects(values), "ConfigMap", "tidegate-gateway")["data"]["tidegate.yaml"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cache": {"enabled": False}}, {"routes": []}),
        ({"cache": {"enabled": False}, "gatewayAPI": {"enabled": True}}, {"routes": []}),
        ({"gateway": {"config": {"routes": []}}}, {"routes": []}),
        (
            {"cache": {"enabled": False}, "gateway": {"keys": {"existingSecret": "k"}}},
            {"keysFile": "/etc/tidegate/keys/keys.yaml", "routes": []},
        ),
        ({}, {}),
    ],
)
def test_a_pure_gateway_api_installation_needs_no_route_of_a_file(values, expected):
    text = config_of({**HAS, **values})
    assert yaml.safe_load(text) == expected
    assert parse_config(text.encode(), "tidegate.yaml").routes == (() if "routes" in expected else None)


def test_a_route_of_the_file_stays_beside_those_of_the_cluster():
    route = {"name": "r", "upstream": "u"}
    config = {"upstreams": {"u": {"endpoints": ["http://h"]}}, "routes": [route]}
    values = {**HAS, "cache": {"enabled": False}, "gateway": {"config": config}}
    assert yaml.safe_load(config_of(values)) == config


def test_what_it_makes_is_clean_for_check(tmp_path):
    values = {**HAS, "cache": {"enabled": False}}
    (tmp_path / "rendered.yaml").write_text("---\n".join(yaml.safe_dump(one) for one in objects(values)))
    assert check_paths([str(tmp_path / "rendered.yaml")]) == Findings(())


def test_the_notes_of_one_do_not_say_how_to_call_what_is_not_there():
    notes = rendered({**HAS, "cache": {"enabled": False}})["NOTES.txt"]
    assert "All its routes come from the cluster" in notes
    assert "/cache?limit" not in notes
    assert "All its routes come from the cluster" not in rendered(HAS)["NOTES.txt"]
