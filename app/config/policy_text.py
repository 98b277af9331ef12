"""A policy as text to copy: the kubectl command for a resource, the YAML for a file. Pure.

A resource is changed by a JSON merge patch (RFC 7386): it replaces a list, so lists in it are whole.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import cast

from app.foundation.errors import ConfigFaults
from app.policy.kind import API_VERSION, KIND
from app.policy.model import Policy, Spec
from app.policy.parse import parse_spec
from app.policy.spec_fields import SPEC
from app.schema.yaml_text import yaml_text

__all__ = ["KUBECTL", "file_text", "kubectl_apply", "kubectl_delete", "kubectl_patch", "merge_patch"]

KUBECTL = "kubectl"
_SHORT_KIND = "rsp"

_Written = dict[str, object]


def kubectl_patch(name: str, patch: Mapping[str, object]) -> str:
    """`name`: `namespace/name` of a policy; `patch`: of its spec."""
    namespace, own = name.split("/", 1)
    written = json.dumps({"spec": patch}, separators=(",", ":"), ensure_ascii=False)
    return f"kubectl patch {_SHORT_KIND} {own} -n {namespace} --type merge -p {shlex.quote(written)}"


def kubectl_delete(name: str) -> str:
    namespace, own = name.split("/", 1)
    return f"kubectl delete {_SHORT_KIND} {own} -n {namespace}"


def kubectl_apply(name: str, spec: Mapping[str, object]) -> str:
    """Makes the policy anew."""
    namespace, own = name.split("/", 1)
    metadata = {"name": own, "namespace": namespace}
    text = yaml_text({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})
    return f"kubectl apply -f - <<'EOF'\n{text}EOF"


def file_text(policy: Policy) -> str:
    """The policy in a gateway's file, below `policies`; without the fields that are as by default."""
    return yaml_text({"policies": [{"name": policy.name, "spec": _brief(policy.spec)}]})


def merge_patch(old: Mapping[str, object], new: Mapping[str, object]) -> _Written:
    """What makes `new` out of `old`; null removes a key."""
    patch: _Written = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            inner = merge_patch(cast("_Written", before), cast("_Written", value))
            if inner:
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch


def _brief(spec: Spec) -> _Written:
    """`spec` as written, without each field that a reader of the rest would take to be the same."""
    written = SPEC.write(spec)

    def is_same() -> bool:
        try:
            return parse_spec(written) == spec
        except ConfigFaults:
            return False  # it is required

    _drop_defaults(written, is_same)
    return written


def _drop_defaults(part: _Written, is_same: Callable[[], bool]) -> None:
    for key in tuple(part):
        held = dict(part)
        del part[key]
        if is_same():
            continue
        part.clear()
        part.update(held)  # in the order it had
        inner = part[key]
        for item in inner if isinstance(inner, list) else (inner,):
            if isinstance(item, dict):
                _drop_defaults(cast("_Written", item), is_same)
