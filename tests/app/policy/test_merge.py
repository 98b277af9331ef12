"""Golden pairs of the hierarchy: `golden/policy_merge/NAME.in.yaml` → `NAME.out.yaml`.

In: `policies` (name, spec, `source` if not FILE, `namespace` of a resource), `gateway` (this gateway's name), `ask`
(stanza, with route, upstream and Gateway). Out: for each question the settings that apply, strongest first.
"""

from pathlib import Path

import pytest
import yaml

from app.policy.effective import Origin, Source
from app.policy.merge import Conflict, Stated, find_conflicts, layer, resolve
from app.policy.model import Mode, Policy
from app.policy.parse import parse_spec

GOLDEN = Path(__file__).parents[2] / "golden" / "policy_merge"
LAST = ((None, Origin(Source.BUILT_IN, "built-in", "Gateway")),)
STANZAS = {
    "circuitBreaker": "circuit_breaker",
    "override": "override",
    "rateLimit": "rate_limit",
    "timeout": "timeout",
    "retry": "retry",
}


def load(path):
    # values are texts, as in the gateway's own reader (`on` is no boolean)
    return yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 - BaseLoader makes texts only


def typed(value):
    """Numbers back from the texts of BaseLoader."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return int(value) if value.isdigit() else value


def answer(case):
    stated = [
        Stated(
            Policy(policy["name"], parse_spec(typed(policy["spec"])), policy.get("namespace")),
            Source[policy.get("source", "FILE")],
        )
        for policy in case["policies"]
    ]
    hierarchy = layer(stated, mode=Mode(case.get("mode", "Enforce")), gateway=case.get("gateway"))
    answers = []
    for ask in case["ask"]:
        levels = getattr(hierarchy, STANZAS[ask["stanza"]])
        place = {key: ask[key] for key in ("route", "upstream", "gateway") if key in ask}
        effective = resolve(levels, LAST, **place)
        origins = [effective.origin, *(origin for _, origin in effective.losers)]
        answers.append([f"{origin.source.name} {origin.policy} {origin.target}" for origin in origins])
    return answers


def names():
    return sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml"))


@pytest.mark.parametrize("name", names())
def test_the_hierarchy_answers_as_the_golden_file_says(name):
    case = load(GOLDEN / f"{name}.in.yaml")
    assert answer(case) == load(GOLDEN / f"{name}.out.yaml")


def test_every_golden_file_has_its_pair():
    outs = sorted(path.name.removesuffix(".out.yaml") for path in GOLDEN.glob("*.out.yaml"))
    assert names() == outs
    assert len(outs) >= 12


def policy(name, *targets, mode="Enforce", **stanzas):
    refs = [dict(zip(("kind", "name"), target.split("/"), strict=False)) for target in targets]
    return Policy(name, parse_spec({"targetRefs": refs, "mode": mode, **stanzas}))


BREAKER = {"consecutiveFailures": 3}
OVERRIDE = {"override": {"state": "Open", "until": "2027-01-01T00:00:00Z"}}


def test_two_policies_with_the_same_stanza_for_the_same_target_conflict_and_the_earlier_wins():
    first, second = policy("a", "Route/r", timeout={}), policy("b", "Route/x", "Route/r", timeout={})
    assert find_conflicts([first, second]) == (Conflict(0, 1, "timeout", "Route/r"),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (policy("a", "Route/r", timeout={}), policy("b", "Route/r", retry={"attempts": 1})),
        (policy("a", "Route/r", timeout={}), policy("b", "Route/s", timeout={})),
        (policy("a", "Gateway", timeout={}), policy("b", "Gateway/edge", timeout={})),
        (policy("a", "Gateway/x", timeout={}), policy("b", "Gateway/y", timeout={})),
        (policy("a", "Route/o", circuitBreaker=BREAKER), policy("b", "Upstream/o", circuitBreaker=BREAKER)),
        (
            policy("a", "Route/o", circuitBreaker=BREAKER),
            policy("b", "Route/o", circuitBreaker=BREAKER, mode="Shadow"),
        ),
        (policy("a", "Route/o", circuitBreaker=BREAKER), policy("b", "Route/o", circuitBreaker=OVERRIDE)),
    ],
    ids=["stanza", "target", "named", "two names", "kind", "mode", "override only"],
)
def test_policies_that_differ_in_stanza_target_or_mode_do_not_conflict(one, other):
    assert find_conflicts([one, other]) == ()


def test_on_one_gateway_two_names_mean_the_same_target():
    policies = [policy("a", "Gateway/x", timeout={}), policy("b", "Gateway/y", timeout={})]
    assert find_conflicts(policies, one_gateway=True) == (Conflict(0, 1, "timeout", "Gateway/y"),)


def test_an_override_beside_settings_is_carried_with_them():
    both = policy("a", "Gateway", circuitBreaker={**BREAKER, **OVERRIDE})
    levels = layer([Stated(both, Source.RESOURCE)]).circuit_breaker
    assert levels.gateway[0][0].override is not None


def test_what_a_route_says_itself_stands_between_its_policy_and_its_gateways():
    object_ref = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "edge"}
    edge = Policy("shop/e", parse_spec({"targetRefs": [object_ref], "timeout": {}}), "shop")
    route = policy("r", "Route/r", timeout={})
    levels = layer([Stated(edge, Source.RESOURCE), Stated(route, Source.FILE)]).timeout
    own = ((None, Origin(Source.FILE, "r", "Route/r")),)
    found = resolve(levels, LAST, route="r", gateway="gateway/shop/edge", own=own)
    assert [found.origin.policy, *(origin.policy for _, origin in found.losers)] == [
        "r",
        "r",
        "shop/e",
        "built-in",
    ]
    assert found.losers[0] == own[0]


def test_an_object_named_by_a_policy_without_a_namespace_is_nowhere():
    ref = {"group": "", "kind": "Service", "name": "orders"}
    nowhere = Policy("a", parse_spec({"targetRefs": [ref], "circuitBreaker": BREAKER}))
    assert layer([Stated(nowhere, Source.FILE)]).circuit_breaker.upstreams == {}
