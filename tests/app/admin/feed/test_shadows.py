from typing import Any

import orjson
import yaml

from app.admin.feed.shadows import MOST_ROWS, labels_of, shadow_policies, shadows_shape
from app.config.environment import EnvironmentRules
from app.config.parsing.config_file import parse_config
from app.config.resources import NO_RESOURCES
from app.config.sync.snapshot import PolicyEntry, seal
from app.config.sync.snapshot_policies import read_resources
from app.config.table import Table, compile_table
from app.foundation.reasons import Reason
from app.telemetry.shadow_counts import ShadowLately

RULE = {"name": "r", "key": "Client", "requests": 18, "period": "1m"}
GATEWAY = {"kind": "Gateway"}
ROUTES = {
    "upstreams": {"o": {"endpoints": ["http://o"]}},
    "routes": [
        {"name": name, "match": {"path": {"prefix": f"/{name}"}}, "upstream": "o", "auth": "none"}
        for name in "ab"
    ],
}


def shown_by(*given: Any) -> Any:
    return shadows_shape(*given)


def shadow(**stanzas: object) -> dict[str, object]:
    return {"targetRefs": [GATEWAY], "mode": "Shadow", **stanzas}


def table(
    *policies: tuple[str, dict[str, object]], cluster: tuple[tuple[str, dict[str, object]], ...] = ()
) -> Table:
    entries = tuple(PolicyEntry("shop", name, f"uid-{name}", 1, spec) for name, spec in cluster)
    snapshot = seal("0" * 8, 1, entries, complete=True)
    resources = read_resources(snapshot, namespace="shop", gateway=None, known=NO_RESOURCES)
    given = {**ROUTES, "policies": [{"name": name, "spec": spec} for name, spec in policies]}
    return compile_table(
        parse_config(yaml.safe_dump(given).encode(), "f"), EnvironmentRules(), 1, (), resources
    )


def test_a_policy_with_limit_and_breaker_is_one_row_with_what_it_would_do():
    spec = shadow(rateLimit={"rules": [RULE]}, circuitBreaker={"consecutiveFailures": 2})
    policies = shadow_policies(table(("trial", spec)))
    label = ("trial", "Gateway")
    assert list(labels_of(policies)) == [label]
    counts = {Reason.RATE_LIMITED: 700, "breaker_open": 11, "open": 3, "half_open": 3, "closed": 2}
    shown = shown_by(policies, {label: ShadowLately(None, counts)}, "/etc/gw.yaml")
    (row,) = shown["rows"]
    assert (row["policy"], row["source"], row["targets"], row["since"]) == (
        "trial",
        "file",
        ["Gateway"],
        None,
    )
    assert (row["rejected"], row["opened"]) == ({"rate_limited": 700, "breaker_open": 11}, 3)
    assert b'"rate_limited":700' in orjson.dumps(shown)
    assert row["rateLimit"]["rules"][0]["requests"] == 18
    assert row["circuitBreaker"]["consecutiveFailures"] == 2
    assert row["enforce"]["where"] == "/etc/gw.yaml"
    assert yaml.safe_load(row["enforce"]["text"]) == {
        "policies": [{"name": "trial", "spec": {"mode": "Enforce"}}]
    }


def test_a_resource_is_enforced_by_a_patch():
    policies = shadow_policies(table(cluster=(("trial", shadow(rateLimit={"rules": [RULE]})),)))
    (row,) = shown_by(policies, {}, "")["rows"]
    assert (row["policy"], row["source"], row["rejected"]) == ("shop/trial", "resource", {})
    assert row["enforce"] == {
        "where": "kubectl",
        "text": """kubectl patch rsp trial -n shop --type merge -p '{"spec":{"mode":"Enforce"}}'""",
    }


def test_targets_of_one_policy_are_added_up():
    both = [{"kind": "Route", "name": name} for name in "ab"]
    policies = shadow_policies(table(("trial", {**shadow(rateLimit={"rules": [RULE]}), "targetRefs": both})))
    lately = {
        ("trial", "Route/a"): ShadowLately(7_000, {"rate_limited": 1}),
        ("trial", "Route/b"): ShadowLately(5_000, {"rate_limited": 2}),
    }
    (row,) = shown_by(policies, lately, "f")["rows"]
    assert (row["targets"], row["since"], row["rejected"]) == (
        ["Route/a", "Route/b"],
        5_000,
        {"rate_limited": 3},
    )


def test_the_ones_that_would_reject_most_come_first_and_the_others_are_counted():
    def one(name: str) -> tuple[str, dict[str, object]]:
        return name, shadow(circuitBreaker={"consecutiveFailures": 2})

    names = [f"p{i:02}" for i in range(MOST_ROWS + 2)]
    upstreams = {name: {"endpoints": ["http://o"]} for name in names}
    routes = [
        {"name": name, "match": {"path": {"prefix": f"/{name}"}}, "upstream": name, "auth": "none"}
        for name in names
    ]
    policies = [
        {"name": name, "spec": {**one(name)[1], "targetRefs": [{"kind": "Upstream", "name": name}]}}
        for name in names
    ]
    text = yaml.safe_dump({"upstreams": upstreams, "routes": routes, "policies": policies})
    found = shadow_policies(compile_table(parse_config(text.encode(), "f"), EnvironmentRules(), 1))
    lately = {("p21", "Upstream/p21"): ShadowLately(None, {"breaker_open": 4})}
    shown = shown_by(found, lately, "f")
    assert (shown["rows"][0]["policy"], len(shown["rows"]), shown["more"]) == ("p21", MOST_ROWS, 2)
    assert shown_by((), {}, "f") == {"rows": [], "more": 0}
