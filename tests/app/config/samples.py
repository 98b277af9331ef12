"""Short files for tests of the configuration parser, and what must be said about bad ones."""

import pytest

from app.config.parsing.config_file import parse_config
from app.foundation.errors import ConfigFaults

HASH = "sha256:" + "ab" * 32


def faults_of(text):
    with pytest.raises(ConfigFaults) as caught:
        parse_config(text.encode(), "gw.yaml")
    return [str(fault) for fault in caught.value.faults]


def upstream(inner):
    return f"upstreams: {{o: {{endpoints: [http://h], {inner}}}}}"


def endpoint(url):
    return f"upstreams: {{o: {{endpoints: [{url}]}}}}"


def route(inner):
    return f"routes: [{{name: a, upstream: cache, {inner}}}]"


def match(inner):
    return route(f"match: {{{inner}}}")


def redirect(inner):
    return f"routes: [{{name: a, redirect: {{{inner}}}}}]"


def policy(spec, name="p"):
    return f"policies: [{{name: {name}, spec: {{{spec}}}}}]"


def key(inner):
    return f"keys: [{{name: acme, hash: '{HASH}', {inner}}}]"


def assert_one_fault(text, place, cure):
    """Exactly one fault, which names file, place and cure."""
    faults = faults_of(text)
    assert [fault for fault in faults if place in fault and cure in fault], faults
    assert len(faults) == 1, faults
    assert faults[0].startswith("gw.yaml")
