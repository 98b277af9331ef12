"""Whatever a file holds: a value or faults, never anything else; and what is written is what is read."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.parsing.keys import parse_keys
from app.config.table import compile_table
from app.foundation.errors import ConfigFaults
from app.schema.document import load_document

KNOWN = """
upstreams routes policies keys keysFile name match hosts path prefix exact regex methods headers
query upstream weight rewrite redirect status port auth key none cache orders endpoints tls
healthCheck interval spec targetRefs kind Gateway Route circuitBreaker consecutiveFailures rateLimit
rules requests period timeout request retry attempts hash tier notAfter set add remove
requestHeaders /a http://h 1m GET X-A X-Tenant default
"""
words = st.sampled_from(KNOWN.split())
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), words
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=30,
)
SNIPPETS = ["a", "b: ", "- ", "\n", "  ", "[", "]", "{", "}", ",", ": ", "&x ", "*x", "!t ", "<<: ", "'", '"']
yaml_like = st.lists(st.sampled_from([*SNIPPETS, "|\n", "---\n", "? ", "#", "\t", "1", "~"]), max_size=40)


def outcome(read):
    """Whether `read` worked; its faults are all well-formed if not."""
    try:
        read()
    except ConfigFaults as caught:
        for fault in caught.faults:
            assert fault.path.startswith("f")
            assert fault.what
            assert fault.fix
        return False
    return True


@given(values)
def test_any_value_is_a_configuration_or_has_faults_with_place_and_cure(value):
    text = yaml.safe_dump(value, allow_unicode=True).encode()
    outcome(lambda: parse_config(text, "f"))
    outcome(lambda: parse_keys(text, "f"))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_configuration_or_have_faults(text):
    outcome(lambda: parse_config(text, "f"))


@given(yaml_like)
def test_any_text_that_looks_like_yaml_is_read_or_has_faults(pieces):
    outcome(lambda: parse_config("".join(pieces).encode(), "f"))


@given(yaml_like)
def test_what_both_parsers_of_pyyaml_can_read_is_the_same(pieces):
    text = "".join(pieces).encode()

    def read():
        try:
            document = load_document(text, "f")
        except ConfigFaults:
            return None
        return document.value, len(document.found)

    fast = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader")
        plain = read()
    # they differ in what they take (tabs after a text), never in what it means
    assert None in (fast, plain) or fast == plain


# YAML takes no control characters, and no escapes of surrogates
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=9)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_is_read_as_what_it_says(value):
    text = json.dumps(value, ensure_ascii=False).encode()
    assert load_document(text, "f").value == value


names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(names, unique=True, min_size=1, max_size=8), st.data())
def test_each_upstream_of_each_route_has_its_breaker_in_the_table(route_names, data):
    upstreams = data.draw(st.lists(names, unique=True, min_size=1, max_size=4))
    pick = st.lists(st.sampled_from(upstreams), unique=True, min_size=1)
    config = {
        "upstreams": {name: {"endpoints": ["http://h"]} for name in upstreams},
        "routes": [
            {
                "name": name,
                "match": {"path": {"prefix": f"/{name}"}},
                "upstream": [{"name": upstream} for upstream in data.draw(pick)],
            }
            for name in route_names
        ],
        "policies": [
            {
                "name": f"p{name}",
                "spec": {
                    "targetRefs": [{"kind": "Route", "name": name}],
                    "circuitBreaker": {"consecutiveFailures": 5},
                },
            }
            for name in data.draw(st.sets(st.sampled_from(route_names)))
        ],
    }
    table = compile_table(parse_config(json.dumps(config).encode(), "f"), EnvironmentRules(api_key="k"), 1)
    used = [name for settings in table.routes for name in settings.breakers]
    assert set(used) == set(table.breakers)
    for settings in table.routes:
        plain = [name.partition("@")[0] for name in settings.breakers]
        assert plain == [upstream.name for upstream in settings.route.upstreams]
        assert all(upstream.name in table.upstreams for upstream in settings.route.upstreams)
