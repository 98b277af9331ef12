import pytest

from app.config.sync.snapshot import seal
from app.operator.snapshot.served import ServedSnapshots
from app.operator.sync.fleet import Fleet
from app.operator.sync.reports import GatewayReports
from app.operator.trigger import RoundTrigger
from tests.app.operator.samples import LINEAGE, OTHER_LINEAGE, call
from tests.fakes.fast_time import run_fast

REPLACED = "22222222-2222-3333-4444-555555555555"
SEVEN = seal(LINEAGE, 7, [], complete=True, replaces=[REPLACED])


class Published:
    """The lineages once published."""

    def __init__(self, *lineages):
        self.lineages = lineages

    def was_published(self, lineage):
        return lineage in self.lineages


class Observer:
    def __init__(self):
        self.changes = []

    def on_fleet_change(self, request, change):
        self.changes.append((request.instance.pod_name, change.applied_changed))


def after(*calls, published=(), snapshot=SEVEN):
    """What was returned for each call, what observers heard, and whether a round was requested."""

    async def play(clock):
        served, observer, trigger = ServedSnapshots(), Observer(), RoundTrigger(clock)
        if snapshot is not None:
            served.serve(snapshot)
        reports = GatewayReports(Fleet(), served, Published(*published), trigger, (observer,))
        taken = [reports.take(one, 1_000.0 + number) for number, one in enumerate(calls)]
        await trigger.wait(60.0)
        return taken, observer.changes, clock.now_s() < 1.0

    return run_fast(play)


def test_a_change_reaches_the_observers_and_a_repeated_call_does_not():
    taken, changes, _ = after(call("a", 1, applied=6), call("a", 2, applied=6), call("a", 3, applied=7))
    assert (taken, changes) == ([True] * 3, [("a", True), ("a", True)])


def test_a_replay_is_rejected_and_reaches_nobody():
    taken, changes, _ = after(call("a", 2, applied=7), call("a", 1, applied=7))
    assert (taken, changes) == ([True, False], [("a", True)])


@pytest.mark.parametrize(
    ("request_", "published", "snapshot", "is_requested"),
    [
        (call("a"), (), SEVEN, False),
        (call("a", applied=9), (), None, False),
        (call("a", applied=7), (), SEVEN, False),
        (call("a", applied=8), (), SEVEN, True),
        (call("a", applied=8, lineage=REPLACED), (), SEVEN, False),
        (call("a", applied=8, lineage=OTHER_LINEAGE), (), SEVEN, True),
    ],
    ids=["nothing applied", "nothing served", "the same", "ahead", "replaced", "of an unknown lineage"],
)
def test_a_gateway_that_is_ahead_requests_a_round(request_, published, snapshot, is_requested):
    assert after(request_, published=published, snapshot=snapshot)[2] is is_requested


@pytest.mark.parametrize(("published", "is_requested"), [((), False), ((OTHER_LINEAGE,), True)])
def test_a_second_claim_counts_at_once_only_for_a_published_lineage(published, is_requested):
    first, second = call("a", 1, applied=7), call("a", 2, applied=1, lineage=OTHER_LINEAGE)
    assert after(first, second, published=published)[2] is is_requested
