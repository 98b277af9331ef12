import pytest

from app.config.model import Cors
from app.config.parsing.config_file import parse_config
from tests.app.config.samples import assert_one_fault, route


def cors_of(inner):
    config = parse_config(route(f"cors: {{{inner}}}").encode(), "gw.yaml")
    assert config.routes is not None
    return config.routes[0].cors


def test_everything_is_read_as_browsers_write_it():
    read = cors_of(
        "allowOrigins: ['https://App.example.com:443', 'http://*.example.com:8080', 'http://[::1]:3000'], "
        "allowMethods: [GET, PUT], allowHeaders: [X-Tenant], exposeHeaders: [X-Total], allowCredentials: true, "
        "maxAge: 10m"
    )
    assert read == Cors(
        ("https://app.example.com", "http://*.example.com:8080", "http://[::1]:3000"),
        ("GET", "PUT"),
        ("x-tenant",),
        ("X-Total",),
        has_credentials=True,
        max_age_s=600.0,
    )


def test_a_star_stands_for_all():
    read = cors_of(
        "allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], exposeHeaders: ['*'], maxAge: 60"
    )
    assert read == Cors(("*",), ("*",), ("*",), ("*",), max_age_s=60.0)


@pytest.mark.parametrize(
    ("inner", "place", "cure"),
    [
        ("", "routes[0].cors.allowOrigins: is required", "https://app.example.com"),
        ("allowOrigins: []", "cors.allowOrigins: has 0 items", "at least 1"),
        (
            "allowOrigins: [example.com]",
            "cors.allowOrigins[0]: is 'example.com', which is no origin",
            "or * for all",
        ),
        (
            "allowOrigins: ['https://a.b/']",
            "allowOrigins[0]: is 'https://a.b/'",
            "leave out the path: https://a.b",
        ),
        ("allowOrigins: ['https://a.b:0']", "allowOrigins[0]: is 'https://a.b:0'", "write it as https://"),
        ("allowOrigins: ['*', '*']", "allowOrigins[1]: repeats '*'", "once"),
        ("allowOrigins: ['*'], allowMethods: [get]", "allowMethods[0]: is get", "write GET"),
        (
            "allowOrigins: ['*'], allowHeaders: ['a b']",
            "allowHeaders[0]: 'a b' is not a header name",
            "X-Tenant",
        ),
        ("allowOrigins: ['*'], allowCredentials: 1", "allowCredentials: is a number", "true or false"),
        ("allowOrigins: ['*'], maxAge: 25h", "maxAge: is 25h", "24h"),
    ],
)
def test_a_bad_value_gives_one_fault_with_place_and_cure(inner, place, cure):
    assert_one_fault(route(f"cors: {{{inner}}}"), place, cure)
