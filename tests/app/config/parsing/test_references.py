import pytest

from app.config.parsing.config_file import parse_config
from tests.app.config.samples import assert_one_fault


def test_what_the_file_has_may_be_named():
    text = """
upstreams: {orders: {endpoints: [http://h]}}
listeners: [{name: public, port: 8081}]
routes: [{name: a, listeners: [public], upstream: [{name: orders}], mirror: [{upstream: cache}]}]
"""
    config = parse_config(text.encode(), "gw.yaml")
    assert config.routes is not None
    assert config.routes[0].listeners == ("public",)


@pytest.mark.parametrize(
    ("text", "place", "cure"),
    [
        (
            "routes: [{name: a, upstream: cache, listeners: [public]}]",
            "routes[0].listeners[0]: names the unknown listener public",
            "add the listener",
        ),
        (
            "listeners: [{name: public, port: 1}]\nroutes: [{name: a, upstream: cache, listeners: [pulbic]}]",
            "gw.yaml:2: routes[0].listeners[0]: names the unknown listener pulbic",
            "did you mean public?",
        ),
        ("routes: [{name: a, upstream: cache, listeners: [5]}]", "listeners[0]: is a number", "in quotes"),
        (
            "routes: [{name: a, upstream: cache, listeners: []}]",
            "routes[0].listeners: has 0 items",
            "at least 1",
        ),
        (
            "routes: [{name: a, upstream: cache, listeners: [A]}]",
            "listeners[0]: 'A' is not a DNS label",
            "such as a",
        ),
    ],
)
def test_what_it_does_not_have_is_a_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)
