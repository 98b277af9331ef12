"""Variables of the environment and fields of a policy that the documentation names exist."""

import re
from typing import Any

import grpc
import pytest

import app.operator.settings as operator_settings
import app.variables as gateway_variables
import cache.settings as cache_settings
from app.dataplane.codec.http2_error import error_name
from app.dataplane.downstream.connection_state import Event
from app.dataplane.downstream.http2_state import Event as Http2Event
from app.foundation.environment import Variable
from app.policy.schema import spec_schema
from tests.docs.page import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")])
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"(?<![\w.-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w(])")
FIELD = re.compile(r"^spec\.((?:mode|targetRefs|circuitBreaker|rateLimit|timeout|retry)[\w.\[\]]*)")
OTHERS = {
    "TIDEGATE_STATE",
    "E2E_CLUSTER",
    "TIME_BASED",
    "COUNT_BASED",
    "SETTINGS_MAX_CONCURRENT_STREAMS",
    "SO_REUSEPORT",
}  # of `up`, of the tests, of Resilience4j, of RFC 9113, of Linux
HTTP2_ERRORS = {error_name(code) for code in range(14)}

named = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def variables():
    modules = (gateway_variables, operator_settings, cache_settings)
    return {one.name for module in modules for one in vars(module).values() if isinstance(one, Variable)}


def codes(page):
    return CODE.findall(FENCE.sub("", page.read_text()))


def has_field(path):
    node: Any = spec_schema()
    for name in path.replace("[]", "").split("."):
        node = node.get("items", node)
        if name not in node.get("properties", {}):
            return False
        node = node["properties"][name]
    return True


@named
def test_every_variable_exists(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("a changelog names what was")
    events = {event.name for event in (*Event, *Http2Event)}
    known = variables() | OTHERS | HTTP2_ERRORS | events | {code.name for code in grpc.StatusCode}
    assert {name for code in codes(page) for name in VARIABLE.findall(code)} <= known


@named
def test_every_field_of_a_policy_exists(page):
    found = {match[1].rstrip(".") for code in codes(page) if (match := FIELD.match(code))}
    assert [path for path in sorted(found) if not has_field(path)] == []
