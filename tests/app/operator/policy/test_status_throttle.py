from dataclasses import replace

from app.operator.policy.status_throttle import Pause, StatusThrottle, Write
from tests.app.operator.samples import policy


def status(summary="1/1", breaker="closed 1/1", reason="Programmed", generation=1):
    return {
        "observedGeneration": generation,
        "conditions": [{"type": "Programmed", "reason": reason}],
        "gateways": {"summary": summary},
        "breakerSummary": breaker,
    }


def written(throttle, now_s, wanted=None):
    """A policy whose status `wanted` was written at `now_s`."""
    before = policy()
    wanted = status() if wanted is None else wanted
    assert throttle.decide(before, wanted, now_s) == Write()
    throttle.written(before, wanted, now_s)
    return replace(before, status=wanted)


def test_a_status_that_stands_is_not_written():
    assert StatusThrottle().decide(policy(status=status()), status(), 5.0) is None


def test_a_status_of_a_newer_generation_is_not_overwritten():
    assert StatusThrottle().decide(policy(status=status(generation=2)), status("0/1"), 5.0) is None


def test_a_status_is_written_at_most_once_a_second():
    throttle = StatusThrottle()
    stored = written(throttle, 10.0)
    assert throttle.decide(stored, status("2/2"), 10.4) == Pause(11.0)
    assert throttle.decide(stored, status("2/2"), 11.0) == Write()


def test_breakers_alone_are_written_at_most_once_in_five_seconds():
    throttle = StatusThrottle()
    stored = written(throttle, 10.0)
    assert throttle.decide(stored, status(breaker="open 1/1"), 14.0) == Pause(15.0)
    assert throttle.decide(stored, status(breaker="open 1/1"), 15.0) == Write()


def test_a_breakers_first_change_in_a_while_is_written_at_once():
    throttle = StatusThrottle()
    stored = written(throttle, 10.0)
    assert throttle.decide(stored, status(breaker="open 1/1"), 60.0) == Write()


def test_a_write_without_breakers_does_not_delay_them():
    throttle = StatusThrottle()
    stored = written(throttle, 10.0)
    throttle.written(stored, status("2/2"), 20.0)
    assert throttle.decide(replace(stored, status=status("2/2")), status("2/2", "open"), 21.0) == Write()


def test_a_new_generation_gets_a_moment_to_reach_everybody():
    throttle = StatusThrottle()
    edited = policy(generation=2)
    wanted = status("0/1", reason="Reconciling", generation=2)
    assert throttle.decide(edited, wanted, 10.0) == Pause(10.3)
    assert throttle.decide(edited, wanted, 10.3) == Write()


def test_a_failed_write_is_tried_again_after_the_pause():
    throttle = StatusThrottle()
    before = policy()
    throttle.written(before, status(), 10.0)
    assert throttle.decide(before, status(), 10.2) == Pause(11.0)
    assert throttle.decide(before, status(), 11.0) == Write()


def test_who_was_written_when_is_remembered_while_the_policy_exists():
    throttle = StatusThrottle()
    stored = written(throttle, 10.0)
    throttle.keep_only([stored.uid])
    before = throttle.written_s(stored)
    throttle.keep_only([])
    assert (before, throttle.written_s(stored)) == (10.0, float("-inf"))
