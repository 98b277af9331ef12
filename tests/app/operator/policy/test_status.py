"""Golden pairs of judging: `golden/operator/status/NAME.in.yaml` → `NAME.out.yaml`.

In: the `policy` as stored, `others` that it may conflict with, the sequence it was first `published` with,
and the `pods` that take traffic: what each applied, refused and said, and since when it is ready and silent.
"""

from pathlib import Path

import pytest

from app.operator.policy.compile import compile_policies
from app.operator.policy.conditions import condition_of
from app.operator.policy.fleet_breakers import fold_breakers
from app.operator.policy.policy_context import PolicyContext
from app.operator.policy.status import judge
from app.operator.snapshot.history import Published
from app.operator.sync.fleet import Fleet
from tests.app.operator.samples import LINEAGE, WALL_S, breaker, call, load, pod, policy

GOLDEN = Path(__file__).parents[3] / "golden" / "operator" / "status"
NOW_S = 1_000.0


def fleet_with(pods) -> Fleet:
    fleet = Fleet()
    ready = {}
    for one in sorted(pods, key=lambda each: -each.get("ready_s", 500)):
        own = pod(one["name"], one.get("gateway", "edge"))
        ready[own.uid] = own
        fleet.require(ready, NOW_S - one.get("ready_s", 500))
        if one.get("called") == "no":
            continue
        given = dict(one)
        name = given.pop("name")
        given["errors"] = {
            (rejected, given.get("error_generation", 1)): message
            for rejected, message in given.get("errors", {}).items()
        }
        given["breakers"] = [breaker(**each) for each in given.get("breakers", ())]
        assert fleet.record_call(call(name, **given), NOW_S - one.get("silent_s", 0)) is not None
    return fleet


def judged(case, wall_s=WALL_S):
    own = policy(**case["policy"])
    others = [policy(**one) for one in case.get("others", ())]
    verdict = compile_policies([own, *others]).verdicts[own.uid]
    published = Published(case["published"], f"h{case['published']}") if "published" in case else None
    fleet = fleet_with(case["pods"])
    pods = fleet.pods("shop", LINEAGE, NOW_S)
    reports = [each for one in pods for each in one.breakers if own.uid in each.policies]
    around = PolicyContext("shop", pods, fleet.known_targets("shop"), fold_breakers(reports))
    return own, judge(own, verdict, published, around, wall_s)


def is_true(status, kind):
    found = condition_of(status, kind)
    return found is not None and found["status"] == "True"


NAMES = sorted(path.name[: -len(".in.yaml")] for path in GOLDEN.glob("*.in.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_status_is_as_in_the_golden_pair(name):
    _, status = judged(load(GOLDEN / f"{name}.in.yaml"))
    assert status == load(GOLDEN / f"{name}.out.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_a_status_that_was_written_is_not_written_again(name):
    case = load(GOLDEN / f"{name}.in.yaml")
    _, first = judged(case)
    case["policy"]["status"] = first
    _, second = judged(case, WALL_S + 3_600)
    settled = {key: value for key, value in second.items() if key != "snapshot"}
    assert settled == {key: value for key, value in first.items() if key != "snapshot"}


@pytest.mark.parametrize("name", NAMES)
def test_ready_is_true_exactly_where_accepted_and_programmed_are(name):
    _, status = judged(load(GOLDEN / f"{name}.in.yaml"))
    true = {kind for kind in ("Accepted", "Programmed", "Ready") if is_true(status, kind)}
    assert ("Ready" in true) is ({"Accepted", "Programmed"} <= true)


@pytest.mark.parametrize("name", NAMES)
def test_every_condition_speaks_of_the_generation_that_was_judged(name):
    own, status = judged(load(GOLDEN / f"{name}.in.yaml"))
    ours = [one for one in status["conditions"] if not one["type"].startswith("example.com/")]
    assert {one["observedGeneration"] for one in ours} == {own.generation}


def test_a_long_message_of_a_gateway_is_cut():
    case = load(GOLDEN / "rejected_policy.in.yaml")
    case["pods"][1]["errors"] = {"orders": "x" * 5_000}
    _, status = judged(case)
    assert len(status["gateways"]["failing"][0]["message"]) == 1_024


def test_a_condition_that_nobody_wrote_is_none():
    assert condition_of({}, "Ready") is None
