from app.foundation.reasons import Reason
from app.telemetry.outcome_groups import FAILED, REJECTED_BY, UPSTREAM_FAULTS


def test_every_reason_is_a_fault_of_the_upstream_or_of_the_gateway_or_rejects_for_one_cause():
    rejected = [word for words in REJECTED_BY.values() for word in words]
    assert sorted((*UPSTREAM_FAULTS, *rejected, Reason.INTERNAL_ERROR)) == sorted(("upstream_error", *Reason))


def test_what_failed_is_known_as_an_outcome():
    assert set(FAILED) <= {"upstream_error", *Reason}
    assert set(UPSTREAM_FAULTS) < set(FAILED)
    assert set(REJECTED_BY["breaker"]) < set(FAILED), "a request that meets an open breaker has failed, too"
