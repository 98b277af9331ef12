"""Reads what a gateway says (`config/sync/messages.py`) strictly: every value typed, bounded and counted.

Keys that are not known are ignored, since gateways may be newer than the operator.
"""

from collections.abc import Callable, Iterator

import orjson

from app.config.sync.messages import (
    MAX_BODY_BYTES,
    MAX_ERRORS,
    MAX_MESSAGE,
    MAX_TRANSITIONS,
    Applied,
    ApplyResult,
    Attempt,
    BreakerReport,
    Instance,
    PolicyError,
    SyncRequest,
    Targets,
    TransitionReport,
)
from app.config.sync.snapshot import MAX_SEQUENCE, is_deeper, uid_text
from app.foundation.errors import ConfigFault, ConfigFaults
from app.schema.faults import BadValue, Faults, Found, Path, spell
from app.schema.names import dns_label, dns_subdomain
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["decode_request"]

MAX_DEPTH = 8  # of brackets
MAX_WAIT_S = 60
MAX_TARGETS = 20_000  # routes, and as many upstreams
MAX_BREAKERS = 20_000
MAX_POLICIES_OF_BREAKER = 8
MAX_NAME = 512  # `upstream@route`
MAX_WALL_S = 253_402_300_799  # the end of year 9999

_STATES = ("closed", "open", "half_open")


def decode_request(body: bytes) -> SyncRequest:
    """What a gateway says; raises ConfigFaults with the first 100 faults, paths as in the body."""
    if len(body) > MAX_BODY_BYTES:
        raise _fault(f"is larger than {MAX_BODY_BYTES:,} bytes", "send less")
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _fault(f"is no JSON ({error})", "send JSON") from error
    if is_deeper(document, MAX_DEPTH):
        raise _fault(f"is nested deeper than {MAX_DEPTH}", "send it flatter")
    faults = Faults()
    section = _open(document, (), faults)
    request = None if section is None else _request(section)
    faults.raise_any(_label)
    assert request is not None  # noqa: S101 - no section is a fault
    return request


def _request(section: Section) -> SyncRequest:
    targets = _inner(section, "targets")
    return SyncRequest(
        instance=_instance(section),
        applied=_applied(section),
        attempt=_attempt(section),
        targets=Targets()
        if targets is None
        else Targets(_names(targets, "routes", MAX_TARGETS), _names(targets, "upstreams", MAX_TARGETS)),
        breakers=tuple(_breaker(each) for each in _sections(section, "breakers", MAX_BREAKERS)),
        transitions=tuple(_transition(each) for each in _sections(section, "transitions", MAX_TRANSITIONS)),
        limit_store_up=_optional_flag(section, "limitStoreUp"),
        wait_s=section.integer("waitSeconds", 0, MAX_WAIT_S, 0),
    )


def _instance(section: Section) -> Instance:
    inner = _inner(section, "instance")
    if inner is None:
        section.fault("instance", "is required", "say who calls")
        return Instance("", "", "", "", 1)
    for key in ("podUID", "podName", "namespace", "bootID"):
        inner.required(key, "a text")
    versions = []
    for path, version in inner.items("schemaVersions", 1, 8):
        if isinstance(version, int) and not isinstance(version, bool) and 1 <= version <= 1_000:
            versions.append(version)
        else:
            inner.faults.add(path, f"is {show(version)}", "it must be a whole number from 1 to 1,000")
    return Instance(
        pod_uid=inner.text("podUID", uid_text, ""),
        pod_name=inner.text("podName", dns_subdomain, ""),
        namespace=inner.text("namespace", dns_label, ""),
        boot_id=inner.text("bootID", uid_text, ""),
        call=inner.integer("call", 1, MAX_SEQUENCE),
        gateway=None if inner.raw("gateway") is None else inner.text("gateway", dns_subdomain, None),
        version=inner.text("version", _short(64), ""),
        schema_versions=tuple(versions),
    )


def _applied(section: Section) -> Applied | None:
    inner = _inner(section, "applied")
    if inner is None:
        return None
    return Applied(
        lineage=_required_text(inner, "lineage"),
        sequence=inner.integer("sequence", 1, MAX_SEQUENCE),
        hash=_required_text(inner, "hash"),
        at_wall_s=_wall_s(inner, "at"),
    )


def _attempt(section: Section) -> Attempt | None:
    inner = _inner(section, "attempt")
    if inner is None:
        return None
    return Attempt(
        lineage=_required_text(inner, "lineage"),
        sequence=inner.integer("sequence", 1, MAX_SEQUENCE),
        result=inner.choice("result", ApplyResult),
        message=inner.text("message", _short(MAX_MESSAGE), ""),
        errors=tuple(_error(each) for each in _sections(inner, "errors", MAX_ERRORS)),
    )


def _error(section: Section) -> PolicyError:
    return PolicyError(
        uid=_required_text(section, "uid"),
        generation=section.integer("generation", 1, MAX_SEQUENCE),
        message=section.text("message", _short(MAX_MESSAGE), ""),
    )


def _breaker(section: Section) -> BreakerReport:
    return BreakerReport(
        name=_breaker_name(section),
        state=_state(section, "state"),
        since_wall_s=_wall_s(section, "since"),
        reason=None if section.raw("reason") is None else section.text("reason", _short(64), None),
        policies=_uids(section),
    )


def _transition(section: Section) -> TransitionReport:
    return TransitionReport(
        number=section.integer("number", 1, MAX_SEQUENCE),
        name=_breaker_name(section),
        from_state=_state(section, "from"),
        to_state=_state(section, "to"),
        reason=section.text("reason", _short(64), ""),
        at_wall_s=_wall_s(section, "at"),
        policies=_uids(section),
    )


def _breaker_name(section: Section) -> str:
    section.required("name", "the breaker's name")
    return section.text("name", _short(MAX_NAME), "")


def _state(section: Section, key: str) -> str:
    value = section.raw(key)
    if not isinstance(value, str) or value not in _STATES:
        section.fault(key, f"is {show(value)}", f"it must be one of {', '.join(_STATES)}")
        return _STATES[0]
    return value


def _uids(section: Section) -> tuple[str, ...]:
    return _texts(section, "policies", MAX_POLICIES_OF_BREAKER, 128)


def _names(section: Section, key: str, limit: int) -> tuple[str, ...]:
    return _texts(section, key, limit, 253)


def _texts(section: Section, key: str, limit: int, length: int) -> tuple[str, ...]:
    texts = []
    for path, item in section.items(key, 0, limit):
        if isinstance(item, str) and 1 <= len(item) <= length:
            texts.append(item)
        else:
            section.faults.add(path, f"is {show(item)}", f"it must be a text of 1 to {length}")
    return tuple(texts)


def _required_text(section: Section, key: str) -> str:
    section.required(key, "a text")
    return section.text(key, uid_text, "")


def _short(limit: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > limit:
            raise BadValue(f"has {len(text):,} characters", f"it must have at most {limit:,}")
        return text

    return read


def _wall_s(section: Section, key: str) -> float:
    """Seconds since the epoch, ≥ 0."""
    value = section.raw(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_WALL_S:
        section.fault(key, f"is {show(value)}", "it must be seconds since 1970")
        return 0.0
    return float(value)


def _optional_flag(section: Section, key: str) -> bool | None:
    value = section.raw(key)
    if value is None or isinstance(value, bool):
        return value
    section.fault(key, f"is {kind_of(value)}", "it must be true, false or null")
    return None


def _inner(section: Section, key: str) -> Section | None:
    """The mapping under `key`; None if it is absent or null, or a fault."""
    value = section.raw(key)
    return None if value is None else _open(value, section.at(key), section.faults)


def _sections(section: Section, key: str, limit: int) -> Iterator[Section]:
    for path, item in section.items(key, 0, limit):
        inner = _open(item, path, section.faults)
        if inner is not None:
            yield inner


def _open(value: object, path: Path, faults: Faults) -> Section | None:
    """Any key is let in: gateways may be newer than the operator."""
    return Section.open(value, path, value if isinstance(value, dict) else (), faults)


def _label(found: Found) -> str:
    return spell(found.path) or "body"


def _fault(what: str, fix: str) -> ConfigFaults:
    return ConfigFaults([ConfigFault("body", what, fix)])
