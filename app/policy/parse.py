"""Reads the `spec` of a ResiliencePolicy: one strict schema for the file and the custom resource.

Bounds, defaults and rules between fields are those of the custom resource (its CEL rules); every fault is
reported, each with its field path. Defaults stand in `model.py`.
"""

import app.policy.bounds as bounds
from app.policy.model import Mode, Spec, TargetKind, TargetRef
from app.policy.parse_breaker import read_circuit_breaker
from app.policy.parse_limits import read_rate_limit
from app.policy.parse_traffic import read_retry, read_timeout
from app.schema.faults import Faults, Found, Path, spell
from app.schema.names import dns_subdomain
from app.schema.section import Section
from app.schema.wording import nearest, show

__all__ = ["GROUP", "parse_spec", "read_spec"]

GROUP = "tidegate.dev"
"""API group of the custom resource and of everything a policy may target."""

_STANZAS = ("circuitBreaker", "rateLimit", "timeout", "retry")
_KEYS = ("targetRefs", "mode", *_STANZAS)


def parse_spec(value: object, path: str = "spec") -> Spec:
    """The spec that `value` (from YAML or JSON) says; raises ConfigFaults, all with paths below `path`."""
    faults = Faults()
    spec = read_spec(value, (), faults)

    def label(found: Found) -> str:
        inner = spell(found.path)
        return path + inner if inner.startswith("[") or not inner else f"{path}.{inner}"

    faults.raise_any(label)
    return spec


def read_spec(value: object, path: Path, faults: Faults) -> Spec:
    """As `parse_spec`, noting what is wrong in `faults`; the result counts only if nothing was noted."""
    section = Section.open(value, path, _KEYS, faults)
    if section is None:
        return Spec(())
    spec = Spec(
        targets=_read_targets(section),
        mode=section.choice("mode", Mode, Mode.ENFORCE),
        circuit_breaker=read_circuit_breaker(section),
        rate_limit=read_rate_limit(section),
        timeout=read_timeout(section),
        retry=read_retry(section),
    )
    if not any(stanza in section for stanza in _STANZAS):
        faults.add(path, "has no stanza", "it must have circuitBreaker, rateLimit, timeout or retry")
    _check_upstream_targets(section, spec)
    _check_shadow(section, spec)
    return spec


def _check_upstream_targets(section: Section, spec: Spec) -> None:
    """Limits, timeouts and retries belong to routes; an upstream has a breaker only."""
    if not any(target.kind is TargetKind.UPSTREAM for target in spec.targets):
        return
    for stanza in ("rateLimit", "timeout", "retry"):
        if stanza in section:
            what = "cannot apply to an Upstream target"
            section.fault(stanza, what, "a policy with an Upstream target must have circuitBreaker only")


def _check_shadow(section: Section, spec: Spec) -> None:
    """Only breaker and limits can be judged without acting on it."""
    if spec.mode is not Mode.SHADOW:
        return
    for stanza in ("timeout", "retry"):
        if stanza in section:
            section.fault(stanza, "cannot be shadowed", "mode must be Enforce here, or drop it")
    if spec.circuit_breaker is not None and spec.circuit_breaker.override is not None:
        path = (*section.at("circuitBreaker"), "override")
        section.faults.add(path, "cannot be shadowed", "mode must be Enforce here, or drop it")


def _read_targets(section: Section) -> tuple[TargetRef, ...]:
    targets: list[TargetRef] = []
    for path, item in section.items("targetRefs", *bounds.TARGETS):
        target = _read_target(item, path, section.faults)
        if target is None:
            continue
        if target in targets:
            name = "" if target.name is None else f" {target.name}"
            section.faults.add(path, f"repeats {target.kind}{name}", "each target must appear once")
        targets.append(target)
    return tuple(targets)


def _read_target(item: object, path: Path, faults: Faults) -> TargetRef | None:
    section = Section.open(item, path, ("group", "kind", "name"), faults)
    if section is None:
        return None
    group = section.raw("group")
    if "group" in section and group != GROUP:
        section.fault("group", f"is {show(group)}", f"it must be {GROUP}; leave it out")
    kind = _read_kind(section)
    name = section.text("name", dns_subdomain, None)
    if kind is None or (name is None and "name" in section):
        return None
    if kind is not TargetKind.GATEWAY and name is None:
        section.fault("name", "is required", f"a {kind} target must have the name of one")
        return None
    return TargetRef(kind, name)


def _read_kind(section: Section) -> TargetKind | None:
    """None, and one fault, for anything but one of the three words."""
    value = section.raw("kind")
    words = [str(word) for word in TargetKind]
    if isinstance(value, str) and value in words:
        return TargetKind(value)
    if section.required("kind", "Gateway, Route or Upstream"):
        near = nearest(value, words) if isinstance(value, str) else None
        fix = f"did you mean {near}?" if near else "it must be Gateway, Route or Upstream"
        section.fault("kind", f"is {show(value)}", fix)
    return None
