"""The bodies of the admin API, for checking what comes in and for its OpenAPI description."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from app.units import parse_duration_s

__all__ = [
    "BreakerOut",
    "BreakerWithHistoryOut",
    "BreakersOut",
    "ConfigOut",
    "OverrideIn",
    "ProblemOut",
    "RoutesOut",
]

_MIN_FOR_S = 1.0
_MAX_FOR_S = 3600.0


def _for_s(given: object) -> float | None:
    """Seconds of a duration's text or of a bare number; ValueError says what would be right."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("must be a duration like 60s, or seconds")
    for_s = parse_duration_s(given) if isinstance(given, str) else given
    if not _MIN_FOR_S <= for_s <= _MAX_FOR_S:
        raise ValueError("is out of range; it may be 1s to 1h")
    return float(for_s)


class OverrideIn(BaseModel):
    """Holds a breaker `open` or `closed` for a while (1 s to 1 h); `auto` ends that."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"state": "open", "for": "60s"}]}
    )

    state: Literal["open", "closed", "auto"]
    for_s: Annotated[
        float | None,
        BeforeValidator(_for_s),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]}),
        Field(alias="for", description="Go style duration, or seconds; wanted for `open` and `closed`"),
    ] = None

    @model_validator(mode="after")
    def _ends(self) -> "OverrideIn":
        if self.state != "auto" and self.for_s is None:
            raise ValueError("an override needs an end; add for, like 60s (1s to 1h)")
        return self


class OverrideOut(BaseModel):
    state: Literal["open", "closed"]
    until: str
    by: str


class WindowOut(BaseModel):
    period: str
    requests: int
    failures: int
    slow: int


class BreakerOut(BaseModel):
    """`state` is what requests meet; `since` and `until` are RFC 3339; `reason`: null until it moved."""

    name: str
    state: Literal["closed", "open", "half_open"]
    since: str
    reason: str
    failuresInARow: int
    override: OverrideOut | None


class TransitionOut(BaseModel):
    from_: Annotated[str, Field(alias="from")]
    to: str
    at: str
    reason: str


class BreakersOut(BaseModel):
    breakers: list[BreakerOut]


class BreakerWithHistoryOut(BreakerOut):
    transitions: list[TransitionOut]


class RoutesOut(BaseModel):
    sequence: int
    routes: list[dict[str, object]]


class ConfigOut(BaseModel):
    """Each stanza: `value`, `origin` (`source`, `policy`, `target`) and the `losers` it beat."""

    sequence: int
    routes: dict[str, dict[str, object]]
    breakers: dict[str, dict[str, object]]
    upstreams: dict[str, dict[str, object]]
    keys: list[dict[str, object]]


class ProblemOut(BaseModel):
    """RFC 9457."""

    title: str
    status: int
    detail: str
