"""The reference of all fields as a page of Markdown, made from the schema."""

from app.policy.kind import API_VERSION, KIND
from app.policy.schema import spec_schema
from app.schema.field_table import field_table, properties_of, rule_messages

__all__ = ["reference_markdown"]

_HEAD = f"""\
# Every field of a {KIND}

<!-- Generated from app/policy by `make generate`; do not edit. -->

`{API_VERSION}`. The same fields stand under `policies[].spec` of a configuration file. Durations are one to
four whole numbers with `h`, `m`, `s` or `ms`: `250ms`, `10s`, `1h30m`. What the fields mean together:
[policies.md](policies.md). The same texts: `kubectl explain rsp.spec --recursive`.
"""
_HIDDEN = ("true",)
"""What a bare `on` becomes in YAML 1.1."""
_PARTS = ("circuitBreaker", "rateLimit", "timeout", "retry")


def reference_markdown() -> str:
    """Ends with a line end."""
    spec = spec_schema()
    fields = properties_of(spec)
    parts = [_HEAD, "## spec", "", str(spec["description"]), ""]
    parts += [*field_table({name: node for name, node in fields.items() if name not in _PARTS}), ""]
    for name in _PARTS:
        parts += [f"## {name}", "", str(fields[name]["description"]), ""]
        parts += [*field_table(properties_of(fields[name]), _HIDDEN), ""]
    parts += ["## What the API server rejects beside single values", ""]
    parts += [f"- `{place}`: {message}" for place, message in rule_messages("spec", spec)]
    return "\n".join(parts) + "\n"
