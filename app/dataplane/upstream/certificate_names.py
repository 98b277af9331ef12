"""Whether an endpoint's certificate names whom it should (RFC 9525 §6; BackendTLSPolicy: subjectAltNames)."""

from collections.abc import Sequence
from typing import Any, Final

__all__ = ["names_fault"]

_SHOWN: Final = 5


def names_fault(certificate: dict[str, Any] | None, wanted: Sequence[str]) -> str:
    """Why `certificate`, verified and as `ssl` decodes it, is none of `wanted`; "" where it is one of them.

    `wanted`: DNS names, whose first label may be `*`, and URIs.
    """
    found = [
        (kind, name) for kind, name in (certificate or {}).get("subjectAltName", ()) if kind in ("DNS", "URI")
    ]
    for kind, name in found:
        for each in wanted:
            if (kind == "URI") == (":" in each) and _is_same(name, each, is_uri=kind == "URI"):
                return ""
    shown = ", ".join(name for _, name in found[:_SHOWN]) or "nobody"
    return f"its certificate names {shown}, none of {', '.join(wanted[:_SHOWN])}"


def _is_same(name: str, wanted: str, *, is_uri: bool) -> bool:
    if is_uri:
        return (
            name == wanted
        )  # as SPIFFE compares them; of other URIs case means something too (RFC 3986 §6.2.1)
    name, wanted = name.lower().rstrip("."), wanted.lower().rstrip(".")
    return name == wanted or _is_below(wanted, name) or _is_below(name, wanted)


def _is_below(name: str, wildcard: str) -> bool:
    """Whether `*.` of `wildcard` stands for the first label of `name` (RFC 9525 §6.3)."""
    label, _, rest = name.partition(".")
    return wildcard.startswith("*.") and label not in ("", "*") and rest == wildcard[2:]
