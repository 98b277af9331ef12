from dataclasses import replace

import pytest

from app.admin.demo_scenario_steps import failing_status, plan_run, unfit
from app.policy.model import CircuitBreaker

SETTINGS = CircuitBreaker(consecutive_failures=3, open_duration_s=10.0)
IDS = ["start", "failure_1", "failure_2", "failure_3", "opened", "refused", "half_opened", "probe", "closed"]


def test_a_plan_has_all_steps_from_the_start():
    run = plan_run(1, SETTINGS, 5000)
    assert [step.id for step in run.steps] == IDS
    assert {step.state for step in run.steps} == {"pending"}
    assert run.shape()["state"] == "running"
    assert "10s" in run.step("half_opened").expected


def test_a_plan_follows_the_settings():
    run = plan_run(1, replace(SETTINGS, consecutive_failures=1, half_open_requests=2), 5000)
    assert [step.id for step in run.steps][1:3] == ["failure_1", "opened"]
    assert run.step("probe").title.startswith("2 probes")


def test_a_run_whose_steps_all_passed_has_passed():
    run = plan_run(1, SETTINGS, 5000)
    for step in run.steps:
        step.begin(6000)
        assert step.end(True, "so it was", 6500)
    run.end(15_500)
    shape = run.shape()
    assert (shape["state"], shape["endedAt"]) == ("passed", 15_500)
    assert str(shape["result"]).startswith("passed in 10.5 s")
    assert run.steps[0].shape() == {
        "id": "start",
        "title": run.steps[0].title,
        "state": "passed",
        "expected": run.steps[0].expected,
        "seen": "so it was",
        "expectedAt": 6000,
        "seenAt": 6500,
    }


def test_after_a_failed_step_the_others_are_skipped():
    run = plan_run(1, SETTINGS, 5000)
    run.steps[0].begin(5000)
    assert not run.steps[0].end(False, "401 key_missing", 5100)
    run.end(5200)
    assert run.state == "failed"
    assert run.result == f"failed after 0.2 s: {run.steps[0].title}: 401 key_missing"
    assert {step.state for step in run.steps[1:]} == {"skipped"}


def test_a_run_that_was_broken_off_has_failed():
    run = plan_run(1, SETTINGS, 5000)
    run.steps[0].begin(5000)
    run.end(5200)
    assert (run.state, run.result) == ("failed", "failed after 0.2 s: it was interrupted")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (replace(SETTINGS, consecutive_failures=None), "consecutiveFailures"),
        (replace(SETTINGS, consecutive_failures=21), "more than 20"),
        (replace(SETTINGS, open_duration_s=601.0), "longer than 10m"),
        (replace(SETTINGS, failure_on=frozenset()), "failureOn"),
    ],
)
def test_unfit_settings_are_named(settings, why):
    assert why in unfit(settings)


def test_the_usual_settings_are_fit():
    assert unfit(SETTINGS) == ""


@pytest.mark.parametrize(
    ("failure_on", "status"), [({503, 500}, 503), ({500, 502}, 500), ({429}, 429), (set(), None)]
)
def test_the_status_is_one_that_counts(failure_on, status):
    assert failing_status(replace(SETTINGS, failure_on=frozenset(failure_on))) == status
