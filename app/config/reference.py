"""The reference of a configuration file's fields as a page of Markdown, made from their declarations."""

from collections.abc import Mapping
from typing import Any

from app.config.parsing.keys import KEY
from app.config.parsing.listeners import CERTIFICATE, LISTENER
from app.config.parsing.routes import ROUTE
from app.config.parsing.upstreams import UPSTREAM
from app.schema.field_table import field_table, properties_of, rule_messages
from app.schema.records import Record

__all__ = ["config_reference_markdown"]

_HEAD = """\
# Every field of a configuration file

<!-- Generated from app/config by `make generate`; do not edit. -->

A file may hold `upstreams`, `routes`, `listeners`, `certificates`, `policies`, and `keys` or `keysFile` (the path of a
file with a list of keys). What they mean together: [configuration.md](configuration.md). Durations are written `250ms`,
`10s`, `1h30m`; here a bare number means seconds, but for `timeout` and `retry`, which are written as in a policy. The
fields of `policies[].spec`: [policy-reference.md](policy-reference.md). A file without `routes` has one, `/` to the
upstream `cache`; with `routes: []` it has none.
"""
_PARTS: Mapping[str, Record[Any]] = {
    "upstreams.NAME": UPSTREAM,
    "routes[]": ROUTE,
    "listeners[]": LISTENER,
    "certificates[]": CERTIFICATE,
    "keys[]": KEY,
}
_HIDDEN = ("true",)  # what YAML 1.1 makes of `on`: known only to be rejected


def config_reference_markdown() -> str:
    """Ends with a line end."""
    lines = [_HEAD]
    for place, record in _PARTS.items():
        lines += [f"## {place}", "", record.says, "", *field_table(properties_of(record.node()), _HIDDEN), ""]
    lines += ["## What is rejected beside single values", ""]
    for place, record in _PARTS.items():
        lines += [f"- `{where}`: {message}" for where, message in rule_messages(place, record.node())]
    return "\n".join(lines) + "\n"
