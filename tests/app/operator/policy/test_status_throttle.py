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


def written(pacer, now_s, wanted=None):
    """A policy whose status `wanted` was written at `now_s`."""
    before = policy()
    wanted = status() if wanted is None else wanted
    assert pacer.decide(before, wanted, now_s) == Write()
    pacer.written(before, wanted, now_s)
    return replace(before, status=wanted)


def test_a_status_that_stands_is_not_written():
    assert StatusThrottle().decide(policy(status=status()), status(), 5.0) is None


def test_a_status_of_a_newer_generation_is_not_overwritten():
    assert StatusThrottle().decide(policy(status=status(generation=2)), status("0/1"), 5.0) is None


def test_a_status_is_written_at_most_once_a_second():
    pacer = StatusThrottle()
    stored = written(pacer, 10.0)
    assert pacer.decide(stored, status("2/2"), 10.4) == Pause(11.0)
    assert pacer.decide(stored, status("2/2"), 11.0) == Write()


def test_breakers_alone_are_written_at_most_once_in_five_seconds():
    pacer = StatusThrottle()
    stored = written(pacer, 10.0)
    assert pacer.decide(stored, status(breaker="open 1/1"), 14.0) == Pause(15.0)
    assert pacer.decide(stored, status(breaker="open 1/1"), 15.0) == Write()


def test_a_breakers_first_change_in_a_while_is_written_at_once():
    pacer = StatusThrottle()
    stored = written(pacer, 10.0)
    assert pacer.decide(stored, status(breaker="open 1/1"), 60.0) == Write()


def test_a_write_without_breakers_does_not_delay_them():
    pacer = StatusThrottle()
    stored = written(pacer, 10.0)
    pacer.written(stored, status("2/2"), 20.0)
    assert pacer.decide(replace(stored, status=status("2/2")), status("2/2", "open"), 21.0) == Write()


def test_a_new_generation_gets_a_moment_to_reach_everybody():
    pacer = StatusThrottle()
    edited = policy(generation=2)
    wanted = status("0/1", reason="Reconciling", generation=2)
    assert pacer.decide(edited, wanted, 10.0) == Pause(10.3)
    assert pacer.decide(edited, wanted, 10.3) == Write()


def test_a_failed_write_is_tried_again_after_the_pause():
    pacer = StatusThrottle()
    before = policy()
    pacer.written(before, status(), 10.0)
    assert pacer.decide(before, status(), 10.2) == Pause(11.0)
    assert pacer.decide(before, status(), 11.0) == Write()


def test_who_was_written_when_is_remembered_while_the_policy_exists():
    pacer = StatusThrottle()
    stored = written(pacer, 10.0)
    pacer.keep_only({stored.uid: None})
    before = pacer.written_s(stored)
    pacer.keep_only({})
    assert (before, pacer.written_s(stored)) == (10.0, float("-inf"))
