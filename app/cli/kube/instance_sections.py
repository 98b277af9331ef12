"""What operators say about their gateways, as tables: pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.cli.status.wording import downtime_lines, state_word, words
from app.cli.tables import Section, cell

__all__ = ["instance_sections"]

_STORE = {None: "-", True: "up", False: "DOWN"}


def instance_sections(operator: str, said: Mapping[str, Any]) -> list[Section]:
    """`said`: `GET /v1/instances` of the operator's pod `operator`; what is wrong comes first. Ages are by its clock.

    A foreign shape raises Key-, Type-, Value- or AttributeError.
    """
    now_wall_s = datetime.fromisoformat(said["now"]).timestamp()
    gateways: Sequence[Mapping[str, Any]] = said["instances"]
    down = [(gateway, one) for gateway in gateways for one in gateway["down"]]
    rejected = [(gateway, one) for gateway in gateways for one in gateway["rejected_policies"]]
    shown = [
        Section(f"operator {cell(operator)}: snapshot {int(said['sequence'])}"),
        _applied(gateways),
        *downtime_lines([_down(gateway, one) for gateway, one in down], now_wall_s),
        Section(
            "gateways",
            ("NAMESPACE", "POD", "GATEWAY", "READY", "STATE", "SNAPSHOT", "AGE", "STORE", "ERROR"),
            tuple(map(_instance, gateways)),
            spare=("STORE", "GATEWAY", "READY", "NAMESPACE", "SNAPSHOT"),
            elastic=("POD", "ERROR", "GATEWAY", "NAMESPACE"),
            least=3,
            rank=0,
        ),
    ]
    if down:
        shown.append(_breakers(down, sum(gateway["down_total"] for gateway in gateways)))
    if rejected:
        shown.append(_policies(rejected))
    return shown


def _applied(gateways: Iterable[Mapping[str, Any]]) -> Section:
    """One sentence on who of those that take traffic has the newest snapshot."""
    states = [gateway["state"] for gateway in gateways if gateway["is_required"]]
    if not states:
        return Section("no gateway takes traffic")
    behind = {word: states.count(word) for word in ("rejected", "stale", "pending") if word in states}
    counts = "".join(f", {count} {word}" for word, count in behind.items())
    return Section(
        f"{states.count('applied')} of {len(states)} gateways applied it{counts}",
        tone="open" if "rejected" in behind else "half-open" if behind else "closed",
    )


def _down(gateway: Mapping[str, Any], one: Mapping[str, Any]) -> tuple[str, float, int]:
    since_wall_s = datetime.fromisoformat(one["not_closed_since"]).timestamp()
    return f"{one['breaker']} at {gateway['pod']}", since_wall_s, int(one["failed_probes"])


def _instance(one: Mapping[str, Any]) -> tuple[str, ...]:
    silent_s = one["silent_s"]
    return (
        cell(one["namespace"]),
        cell(one["pod"]),
        cell(one["gateway"]),
        "yes" if one["is_required"] else "no",
        cell(one["state"]),
        str(int(one["sequence"])),
        "never" if silent_s is None else f"{silent_s:.0f}s",
        _STORE[one["limit_store_up"]],
        cell(one["error"]),
    )


def _breakers(down: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], total: int) -> Section:
    more = total - len(down)
    return Section(
        f"breakers not closed ({more} more are not listed)" if more > 0 else "breakers not closed",
        ("POD", "BREAKER", "STATE", "SINCE", "PROBES FAILED", "WHY", "POLICIES"),
        tuple(
            (
                cell(gateway["pod"]),
                cell(one["breaker"]),
                state_word(one["state"]),
                cell(one["not_closed_since"]),
                str(int(one["failed_probes"])),
                cell(one["reason"] and words(one["reason"])),
                cell(", ".join(one["policies"])),
            )
            for gateway, one in down
        ),
        spare=("SINCE", "POLICIES", "PROBES FAILED"),
        elastic=("POD", "BREAKER", "WHY", "POLICIES"),
        least=2,
        rank=1,
    )


def _policies(rejected: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Section:
    return Section(
        "policies rejected",
        ("POLICY", "GENERATION", "POD", "WHY"),
        tuple(
            (cell(one["policy"]), str(int(one["generation"])), cell(gateway["pod"]), cell(one["message"]))
            for gateway, one in rejected
        ),
        spare=("GENERATION",),
        elastic=("POLICY", "POD", "WHY"),
        least=1,
        rank=2,
    )
