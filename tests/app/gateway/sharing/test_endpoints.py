import asyncio

import orjson
import pytest

from app.config import model
from app.dataplane.upstream.outlier import (
    EJECT_AFTER_FAILURES,
    in_rotation,
    record_check,
    record_failure,
    record_success,
)
from app.dataplane.upstream.upstream import Upstream
from app.dataplane.upstream.view import Health, health_of, view_upstream
from app.gateway.sharing.endpoints import EndpointFollower, EndpointOwner

NOW_S = 100.0
FIRST = "10.0.0.1:80"


def upstream(loop, *, check=None) -> Upstream:
    endpoints = tuple(model.Endpoint(f"10.0.0.{number}", 80, False) for number in (1, 2, 3))
    made = model.Upstream(model.UpstreamName("u"), endpoints, health_check=check)
    return Upstream(made, loop, lambda *_: None)


class Fleet:
    """An owner and two followers, whose messages travel with `settle`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        check = model.HealthCheck("/up", 1.0, 1.0, 1, 1)
        self.upstream = upstream(loop, check=check)
        self.owner = EndpointOwner(lambda: {"u": self.upstream})
        self.wakes = 0
        self.followers = []
        for _ in range(2):
            follower = EndpointFollower(self._wake)
            own = upstream(loop)
            follower.follow({"u": own})
            self.followers.append((follower, own))

    def _wake(self) -> None:
        self.wakes += 1

    def fail(self, worker: int, times: int = 1) -> None:
        """As `Attempts` does."""
        _, own = self.followers[worker]
        for _ in range(times):
            record_failure(own.states[0], own.states, NOW_S)
            assert own.on_failure is not None
            own.on_failure(own, own.addresses[0])

    def settle(self) -> None:
        reports = [sent(follower.take()) for follower, _ in self.followers]
        for report in reports:
            if report is not None:
                rows = sent(self.owner.on_report(report, NOW_S))
                for follower, _ in self.followers:
                    follower.take_rows(rows)

    @property
    def rows(self) -> list[int]:
        return [own.states[0].consecutive_failures for own in (self.upstream, *self.copies)]

    @property
    def copies(self) -> list[Upstream]:
        return [own for _, own in self.followers]


def sent(body):
    return orjson.loads(orjson.dumps(body))


@pytest.fixture
async def fleet():
    return Fleet()


async def test_failures_at_all_workers_stand_in_one_row_and_eject_for_all(fleet):
    for number in range(EJECT_AFTER_FAILURES):
        assert all(in_rotation(own.states[0], NOW_S) for own in fleet.copies)
        fleet.fail(number % 2)
        fleet.settle()
    assert fleet.wakes == EJECT_AFTER_FAILURES
    assert fleet.rows == [EJECT_AFTER_FAILURES] * 3
    assert not any(in_rotation(own.states[0], NOW_S) for own in (fleet.upstream, *fleet.copies))
    assert health_of(fleet.upstream.states[0], NOW_S) is Health.EJECTED
    late = upstream(asyncio.get_running_loop())
    follower = EndpointFollower(lambda: None)
    follower.follow({"u": late})
    follower.take_rows(sent(fleet.owner.rows()))
    assert not in_rotation(late.states[0], NOW_S)


async def test_a_response_at_one_worker_ends_the_row_of_all_and_is_reported_once(fleet):
    fleet.fail(0, 3)
    fleet.settle()
    follower, own = fleet.followers[1]
    assert follower.is_watching
    record_success(own.states[0], NOW_S)
    follower.take_rows([["u", FIRST, 4, None, 0]])  # on its way when it responded
    assert own.states[0].consecutive_failures == 0
    fleet.settle()
    assert fleet.rows == [0, 0, 0]
    assert not any(follower.is_watching for follower, _ in fleet.followers)
    assert follower.take() is None


async def test_checks_of_the_parent_hold_for_the_addresses_of_every_worker(fleet):
    record_check(fleet.upstream.states[0], False, 1, 1)
    checks = sent(fleet.owner.changed_checks())
    assert fleet.owner.changed_checks() is None
    follower, own = fleet.followers[0]
    follower.take_checks({**checks, "gone": {}})
    assert (own.states[0].check_ok, own.states[0].checked, own.states[1].checked) == (False, True, False)
    own.states[0].check_ok = True  # as of a new address
    follower.apply_checks()
    assert not own.states[0].check_ok


async def test_what_is_in_flight_is_shown_as_the_sum(fleet):
    for own in fleet.copies:
        own.states[0].in_flight = 2
        record_success(own.states[0], NOW_S)
    fleet.owner.show([sent(follower.gauges()) for follower, _ in fleet.followers])
    first, second, _ = view_upstream(fleet.upstream, NOW_S).endpoints
    assert (first.in_flight, first.health) == (4, Health.HEALTHY)
    assert (second.in_flight, second.health) == (0, Health.UNKNOWN)


async def test_an_address_or_an_upstream_that_the_other_end_does_not_know_is_let_be(fleet):
    strange = [["u", "10.9.9.9:80"], ["other", FIRST]]
    assert fleet.owner.on_report([strange, strange], NOW_S) == []
    follower, _ = fleet.followers[0]
    follower.take_rows([[*name, 1, None, 0] for name in strange])
    assert not follower.is_watching
