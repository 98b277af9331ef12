"""Which snapshot is tried, and what is said of those that are not."""

from app.config.resources import NO_RESOURCES, Resources
from app.config.sync.messages import ApplyResult, PolicyError
from app.config.sync.snapshot import PolicyEntry, seal
from app.gateway.config.snapshots import Snapshots

ONE, TWO = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
ENTRY = PolicyEntry("shop", "p", "uid", 1, {})


def made(sequence, lineage=ONE, **more):
    return seal(lineage, sequence, (ENTRY,), complete=True, **more)


def holding(snapshot, resources=NO_RESOURCES):
    snapshots = Snapshots()
    assert snapshots.offer(snapshot, "sync")
    snapshots.accept(snapshot, "sync", resources, 5.0)
    return snapshots


def test_one_that_is_in_force_is_told_as_applied_and_no_longer_offered():
    snapshots = holding(made(3))
    assert snapshots.offered is None
    applied, attempt = snapshots.applied, snapshots.attempt
    assert applied is not None
    assert attempt is not None
    assert (applied.sequence, applied.hash, applied.at_wall_s) == (3, made(3).hash, 5.0)
    assert attempt.result is ApplyResult.APPLIED


def test_policies_that_are_left_out_make_it_partial():
    error = PolicyError("uid", 1, "odd")
    attempt = holding(made(3), Resources(errors=(error,))).attempt
    assert attempt is not None
    assert (attempt.result, attempt.errors) == (ApplyResult.PARTIAL, (error,))


def test_a_later_one_takes_the_place_of_one_that_waits_and_an_earlier_one_does_not():
    snapshots = holding(made(3))
    assert snapshots.offer(made(5), "sync")
    assert not snapshots.offer(made(4), "configmap")
    assert snapshots.offered == (made(5), "sync")


def test_the_same_and_an_earlier_one_are_ignored_in_silence():
    snapshots = holding(made(3))
    before = snapshots.attempt
    assert not snapshots.offer(made(3), "sync")
    assert not snapshots.offer(made(2), "sync")
    assert snapshots.attempt is before


def test_a_foreign_lineage_is_refused_and_told():
    snapshots = holding(made(3))
    assert not snapshots.offer(made(9, TWO), "sync")
    assert snapshots.attempt is not None
    assert snapshots.attempt.result is ApplyResult.REJECTED
    assert snapshots.attempt.message == f"its lineage does not say that it replaces {ONE}"
    assert snapshots.offer(made(1, TWO, replaces=[ONE]), "sync")


def test_an_empty_one_that_nobody_vouches_for_is_refused_and_told():
    snapshots = Snapshots()
    assert not snapshots.offer(seal(ONE, 1, (), complete=False), "sync")
    assert snapshots.attempt is not None
    assert "not made from a complete list" in snapshots.attempt.message


def test_one_that_failed_is_no_longer_offered_and_another_may_be_waiting_already():
    snapshots = holding(made(3))
    failed, next_one = made(4), made(5)
    snapshots.offer(failed, "sync")
    snapshots.reject(failed, "no")
    assert snapshots.offered is None
    snapshots.offer(next_one, "sync")
    snapshots.reject(failed, "no")
    assert snapshots.offered == (next_one, "sync")
