"""The admin API's state as tables: pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.cli.status.problems import breakers_named, problem_sections
from app.cli.status.rejected_clients import MOST_CLIENTS, client_sections
from app.cli.status.shadows import shadow_sections
from app.cli.status.wording import (
    breakers_verdict,
    downtime_lines,
    identity_words,
    per_s,
    share,
    state_word,
    words,
    worst_first,
)
from app.cli.tables import Section, cell
from app.schema.durations import format_duration

__all__ = ["sections"]


def sections(
    state: Mapping[str, Any], now_wall_s: float, most_clients: int | None = MOST_CLIENTS
) -> list[Section]:
    """Tables of what `state` has by the names of `GET /v1/routes`, `breakers`, `limits`, `shadows` and `config`.

    A rejected configuration comes first, then breakers by the requests lost there. `most_clients`: rows of clients;
    None: all. A foreign shape raises Key-, Type-, Value- or AttributeError.
    """
    routes, config = state["routes"], state["config"]
    listed = sorted(state["breakers"]["breakers"], key=_order)
    problems = _problems(state["problems"], listed, now_wall_s)
    return [
        *_rejected(config.get("rejected")),
        Section(_title(config)),
        *problems,
        breakers_verdict([(row["name"], row["state"]) for row in listed], is_all_well=not problems),
        Section(
            "breakers",
            ("NAME", "STATE", "FOR", "RPS", "REJECTED/S", "ERRORS", "WHY", "SINCE", "SETTINGS", "FROM"),
            tuple(_breaker(row, config["breakers"][row["name"]], now_wall_s) for row in listed),
            spare=("SINCE", "FROM", "SETTINGS", "RPS"),
            elastic=("NAME", "WHY", "SETTINGS", "FROM"),
        ),
        Section(
            "routes",
            ("NAME", "MATCH", "AUTH", "TO", "TIMEOUT", "RETRY"),
            tuple(_route(route) for route in sorted(routes["routes"], key=lambda route: str(route["name"]))),
            spare=("RETRY", "TIMEOUT"),
            elastic=("NAME", "MATCH", "TO"),
        ),
        Section(
            "limits",
            ("ROUTE", "RULE", "PER", "REQUESTS", "BURST", "FROM"),
            tuple(
                row
                for name, route in sorted(config["routes"].items())
                for row in _limits(name, route["rateLimit"])
            ),
            spare=("BURST", "FROM"),
            elastic=("ROUTE", "RULE", "PER", "FROM"),
        ),
        *_listeners(config.get("listeners", ())),
        *client_sections(state["limits"], routes, most_clients),
        *_shadows(state["shadows"]),
    ]


def _rejected(rejected: Mapping[str, Any] | None) -> list[Section]:
    """A configuration that is not in force, with its faults; nothing where there is none."""
    if not rejected:
        return []
    place = f"{cell(rejected['source'])} at {cell(rejected['at'])}"
    return [
        Section(
            f"REJECTED configuration from {place}; the last good one stays in force", tone="open", wraps=True
        ),
        *(Section(f"  {cell(fault)}", tone="open", wraps=True) for fault in rejected["faults"]),
    ]


def _title(config: Mapping[str, Any]) -> str:
    title = f"config sequence {int(config['sequence'])}, {identity_words(config['identity'])}"
    title += _workers(config.get("workers", ()))
    snapshot = config.get("snapshot")
    if snapshot is None:
        return title
    left_out = len(snapshot["rejected"])
    title += f", snapshot {int(snapshot['sequence'])} with {int(snapshot['policies'])} policies"
    return title + (f", {left_out} rejected" if left_out else "")


def _workers(workers: Sequence[Mapping[str, Any]]) -> str:
    """Nothing where one process serves."""
    if not workers:
        return ""
    serving = sum(worker["state"] == "ready" for worker in workers)
    restarts = sum(int(worker["restarts"]) for worker in workers)
    said = (
        f", {len(workers)} workers" if serving == len(workers) else f", {serving} of {len(workers)} workers"
    )
    if not restarts:
        return said
    return said + (", restarted once" if restarts == 1 else f", restarted {restarts} times")


def _listeners(listeners: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Nothing where the gateway has its own port only."""
    if not listeners:
        return []
    rows = tuple(
        (
            cell(each["name"]),
            cell(each["port"]),
            cell(each["protocol"]),
            cell(",".join(each["hosts"])),
            "open" if each["open"] else "closed",
            cell(each["fault"]),
        )
        for each in listeners
    )
    columns = ("NAME", "PORT", "PROTOCOL", "HOSTS", "STATE", "FAULT")
    return [Section("listeners", columns, rows, spare=("PROTOCOL",), elastic=("NAME", "HOSTS", "FAULT"))]


def _route(route: Mapping[str, Any]) -> tuple[str, ...]:
    match = route["match"]
    ((kind, path),) = match["path"].items()
    fields = [
        f"{field['name']}={field.get('value', field.get('regex'))}" for field in match.get("headers", ())
    ]
    query = [f"?{field['name']}={field.get('value', field.get('regex'))}" for field in match.get("query", ())]
    shares = [
        f"{share['name']}:{share['weight']}" if len(route["upstreams"]) > 1 else share["name"]
        for share in route.get("upstreams", ())
    ]
    redirect = route.get("redirect")
    return (
        cell(route["name"]),
        cell(
            ",".join(match.get("hosts", ())),
            path if kind == "prefix" else f"{kind}:{path}",
            ",".join(match.get("methods", ())),
            *fields,
            *query,
        ),
        cell(route["auth"]),
        cell(f"redirect {redirect['status']}" if redirect else ", ".join(shares)),
        cell(route["timeout"]["request"]),
        cell(route["retry"]["attempts"] if "retry" in route else None),
    )


def _problems(
    problems: Mapping[str, Any], breakers: Sequence[Mapping[str, Any]], now_wall_s: float
) -> list[Section]:
    """What is wrong, then the breakers that left closed since somebody looked for it."""
    rows = [{**row, "since": _wall_s(row["since"]) * 1000} for row in problems["problems"]]
    named = breakers_named(rows)
    others = [row for row in breakers if row["notClosedSince"] and row["name"] not in named]
    return [
        *problem_sections(rows, int(problems["total"]), now_wall_s),
        *(
            downtime_lines([_down(row) for row in others], now_wall_s)
            if len(rows) == problems["total"]
            else ()
        ),
    ]


def _wall_s(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def _shadows(shadows: Mapping[str, Any]) -> list[Section]:
    rows = shadows["shadows"]
    return shadow_sections(rows, int(shadows["more"]), [row["since"] or "" for row in rows])


def _order(breaker: Mapping[str, Any]) -> tuple[object, ...]:
    traffic = breaker["traffic"]
    rates = traffic["requestsPerS"], traffic["rejectedPerS"], traffic["errorShare"]
    return worst_first(breaker["name"], breaker["state"], rates)


def _down(breaker: Mapping[str, Any]) -> tuple[str, float, int]:
    since_wall_s = _wall_s(breaker["notClosedSince"])
    return breaker["name"], since_wall_s, int(breaker["failedProbes"])


def _breaker(breaker: Mapping[str, Any], setting: Mapping[str, Any], now_wall_s: float) -> tuple[str, ...]:
    since_wall_s = datetime.fromisoformat(breaker["since"]).timestamp()
    override = breaker["override"]
    why, traffic = breaker["reason"] and words(breaker["reason"]), breaker["traffic"]
    if override:
        left = _length(datetime.fromisoformat(override["until"]).timestamp() - now_wall_s)
        why = f"{state_word(override['state'])} for {left} more by {override['by']}"
    return (
        cell(breaker["name"]),
        state_word(breaker["state"]),
        _length(now_wall_s - since_wall_s),
        per_s(traffic["requestsPerS"]),
        per_s(traffic["rejectedPerS"]),
        share(traffic["errorShare"]),
        cell(why),
        cell(breaker["since"]),
        cell(_breaker_setting(setting["value"])),
        cell(_origin(setting["origin"])),
    )


def _length(seconds: float) -> str:
    return format_duration(max(0, round(seconds)))


def _breaker_setting(value: Mapping[str, Any]) -> str:
    parts = []
    if "consecutiveFailures" in value:
        parts.append(f"{value['consecutiveFailures']} in a row")
    if "failureRate" in value:
        rate = value["failureRate"]
        parts.append(f"{rate['percent']}% of {rate['minimumRequests']}+ requests in {rate['window']}")
    if "slowCalls" in value:
        slow = value["slowCalls"]
        parts.append(f"{slow['percent']}% over {slow['threshold']}")
    return (
        f"{' or '.join(parts) or 'never'}, open {value['openDuration']}, probes {value['halfOpenRequests']}"
    )


def _limits(route_name: str, limit: Mapping[str, Any]) -> list[tuple[str, ...]]:
    origin = cell(_origin(limit["origin"]))
    if limit["value"] is None:
        return [(cell(route_name), "-", "-", "no limit", "-", origin)]
    return [
        (
            cell(route_name),
            cell(rule["name"]),
            cell(rule["key"], rule.get("header"), ",".join(rule.get("tiers", ()))),
            cell(f"{rule['requests']} per {rule['period']}"),
            cell(rule["burst"]),
            origin,
        )
        for rule in limit["value"]["rules"]
    ]


def _origin(origin: Mapping[str, Any]) -> str:
    source, policy = origin["source"], origin["policy"]
    return source if policy == source else f"{source} {policy} ({origin['target']})"
