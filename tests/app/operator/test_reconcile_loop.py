import asyncio

import pytest

from app.foundation.errors import ClusterError, ConfigFault, ConfigFaults
from app.operator.metrics import OperatorCounts
from app.operator.reconcile_loop import FULL_LIST_S, ReconcileLoop
from app.operator.trigger import QUIET_S, RoundTrigger
from tests.fakes.fast_time import run_fast

UNREACHABLE = ClusterError("list", "resiliencepolicies", 0, "connection refused")
RACED = ClusterError("write", "configmap x", 409, "the object has been modified")
TOO_LARGE = ConfigFaults([ConfigFault("snapshot", "is too large", "use fewer policies")])


class FakeRounds:
    """A reconciler that does what it is told, one outcome a round, then publishes nothing more."""

    def __init__(self, clock, *outcomes):
        self.clock, self.outcomes = clock, list(outcomes)
        self.at_s: list[float] = []
        self.edited_s: list[float] = []

    async def reconcile(self, edited_s):
        self.at_s.append(self.clock.now_s())
        self.edited_s.append(edited_s)
        outcome = self.outcomes.pop(0) if self.outcomes else False
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def rounds_within(seconds, *outcomes):
    """Lets a loop run for so long; the rounds that it made, and what it counted."""

    async def play(clock):
        rounds, counts = FakeRounds(clock, *outcomes), OperatorCounts()
        task = asyncio.ensure_future(ReconcileLoop(rounds, RoundTrigger(clock), counts).run())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait({task})
        return rounds, dict(counts.reconciles)

    return run_fast(play)


def test_it_reconciles_at_its_start_and_every_five_minutes():
    rounds, counts = rounds_within(2 * FULL_LIST_S + 1.0, True)
    assert len(rounds.at_s) == 3
    assert counts == {"published": 1, "unchanged": 2}


def test_a_failed_round_is_repeated_after_a_growing_pause_and_the_edit_keeps_its_time():
    rounds, counts = rounds_within(60.0, *[UNREACHABLE] * 4, True)
    pauses = [after - before for before, after in zip(rounds.at_s, rounds.at_s[1:], strict=False)]
    assert counts == {"failed": 4, "published": 1}
    assert rounds.edited_s == [0.0] * 5
    assert pauses[0] <= 0.2 + QUIET_S
    assert 0.5 <= pauses[3] <= 2.0 + QUIET_S


def test_another_operators_write_is_followed_at_once():
    rounds, counts = rounds_within(5.0, RACED, True)
    assert counts == {"raced": 1, "published": 1}
    assert rounds.at_s[1] - rounds.at_s[0] <= 2 * QUIET_S + 0.01


def test_a_snapshot_that_is_too_large_waits_for_the_next_edit():
    rounds, counts = rounds_within(60.0, TOO_LARGE)
    assert (len(rounds.at_s), counts) == (1, {"too_large": 1})


def test_an_unavailable_api_server_is_logged_only_now_and_then(caplog):
    rounds_within(3_600.0, *[UNREACHABLE] * 120)
    assert caplog.text.count("gateways keep what they have") == 3


def test_a_fault_of_the_program_ends_the_loop():
    async def play(clock):
        loop = ReconcileLoop(FakeRounds(clock, KeyError("x")), RoundTrigger(clock), OperatorCounts())
        with pytest.raises(KeyError):
            await loop.run()

    run_fast(play)
