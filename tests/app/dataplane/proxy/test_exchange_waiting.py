"""An exchange that waits for a verdict of another: a limit's store, a place in flight, a breaker's owner."""

from app.breaker.follower import Followers, Reports
from app.breaker.standing import ReportKind, Standing, Verdict
from app.breaker.values import BreakerState
from app.dataplane.proxy.in_flight import InFlightLimit
from app.limits.limiter import Admitted, Limited, Waiting
from tests.fakes.driven_exchange import BREAKER, LENGTH_10, LIMIT
from tests.fakes.manual_loop import settled

# Limits whose store is asked


class Asking:
    """A limiter that knows no verdict yet."""

    def __init__(self):
        self.waiting = None

    def admit(self, rules, keys, now_s):
        self.waiting = Waiting(rules, keys, now_s + 1)
        return self.waiting


async def asking(proxy, **of):
    known = proxy(LIMIT)
    limiter = known.context.limiter = Asking()
    driven = await known.begin(**of)
    assert driven.writer.calls == []
    assert known.loop.connected == []
    return known, driven, limiter.waiting


def admitted():
    verdict = Admitted()
    verdict.header = b'"a";r=8'
    return verdict


async def test_a_request_whose_limit_must_ask_waits_and_goes_on(proxy):
    known, driven, waiting = await asking(proxy)
    waiting.on_verdict(admitted(), known.clock())
    await settled()
    driven.answer_whole()
    assert driven.state.limit_lines == b'ratelimit-policy: "a";q=9;w=3600\r\nratelimit: "a";r=8\r\n'
    assert known.counted == {(b"GET", 200, ""): 1}


async def test_its_upload_waits_as_well(proxy):
    known, driven, waiting = await asking(proxy, **LENGTH_10, body=b"1")
    assert driven.downstream.calls == ["pause_upload"]
    waiting.on_verdict(admitted(), known.clock())
    assert driven.downstream.calls == ["pause_upload", "resume_upload"]


async def test_it_may_be_rejected_then(proxy):
    known, driven, waiting = await asking(proxy)
    waiting.on_verdict(Limited(waiting.rules[0], 7, b'"a";r=0'), known.clock())
    assert driven.writer.reasons == ["rate_limited"]
    assert driven.downstream.calls == ["done"]
    rejected = known.context.counts.rejected
    assert rejected.by_rule() == {waiting.rules[0].identity: [(None, 1)]}
    assert rejected.by_route() == {}


async def test_a_client_that_leaves_meanwhile_takes_nothing(proxy):
    known, driven, waiting = await asking(proxy)
    verdict_of_before = waiting.on_verdict
    driven.exchange.on_client_gone()
    assert waiting.is_over
    verdict_of_before(admitted(), known.clock())
    await settled()
    assert known.loop.connected == []
    assert (known.counted, known.context.counts.in_flight) == ({(b"GET", 499, ""): 1}, 0)


async def test_a_deadline_of_before_says_nothing_while_a_limit_is_asked(proxy):
    known, driven, _ = await asking(proxy)
    driven.exchange.on_deadline(known.clock() + 99)
    assert (driven.writer.calls, driven.downstream.calls) == ([], [])


async def test_a_fault_of_ours_after_the_verdict_is_500(proxy):
    known, driven, waiting = await asking(proxy)
    known.expect_faults()
    waiting.on_verdict(Admitted(), known.clock())  # not filled
    assert driven.writer.reasons == ["internal_error"]


# MAX_IN_FLIGHT, of which this worker has a part


async def crowded(proxy, **of):
    known = proxy()
    known.context.in_flight = limit = InFlightLimit(0, lambda: None)
    driven = await known.begin(**of)
    assert driven.writer.calls == []
    return known, driven, limit


async def test_a_request_too_many_waits_for_a_place_of_another_worker(proxy):
    known, driven, limit = await crowded(proxy, **LENGTH_10, body=b"1")
    assert driven.downstream.calls == ["pause_upload"]
    limit.take(1, False, 1, known.clock())
    await settled()
    assert driven.downstream.calls == ["pause_upload", "resume_upload"]
    assert known.loop.connected != []


async def test_it_is_rejected_where_nobody_has_one(proxy):
    known, driven, limit = await crowded(proxy)
    limit.take(0, True, 1, known.clock())
    assert driven.writer.reasons == ["overloaded"]
    again = await known.begin()
    assert again.writer.reasons == ["overloaded"]


async def test_a_client_that_leaves_meanwhile_takes_no_place(proxy):
    known, driven, limit = await crowded(proxy)
    place = limit._waiting[0].on_place
    driven.exchange.on_client_gone()
    place(True, known.clock())
    await settled()
    assert (known.loop.connected, known.context.counts.in_flight) == ([], 0)


def failing(*_):
    raise ZeroDivisionError("in the client's side")


async def test_a_fault_of_ours_once_there_is_a_place_is_500(proxy):
    known, driven, limit = await crowded(proxy)
    known.expect_faults()
    driven.downstream.set_deadline = failing
    limit.take(1, False, 1, known.clock())
    assert driven.writer.reasons == ["internal_error"]


# A breaker whose owner is asked


async def probing(proxy, **of):
    """A worker's request at a half-open breaker, and the breaker."""
    known = proxy(BREAKER)
    (target,) = known.context.plans.plans[0].targets
    followers = Followers(Reports(lambda: None, lambda: None))
    target.breaker = followers.get(target.breaker.name, target.breaker.settings)
    followers.follow(target.breaker.name, Standing(BreakerState.HALF_OPEN, 3), known.clock())
    driven = await known.begin(**of)
    assert driven.writer.calls == []
    return known, driven, followers


async def test_a_request_that_a_breakers_owner_decides_waits_and_goes_on(proxy):
    known, driven, followers = await probing(proxy, **LENGTH_10, body=b"1")
    assert driven.downstream.calls == ["pause_upload"]
    followers.take([Verdict(1, 3, True)], known.clock())
    assert driven.downstream.calls == ["pause_upload", "resume_upload"]
    assert driven.state.permit.is_probe


async def test_the_owner_may_reject_it(proxy):
    known, driven, followers = await probing(proxy)
    followers.take([Verdict(1, reason="breaker_probing", retry_after_s=1)], known.clock())
    assert driven.writer.reasons == ["breaker_probing"]


async def test_the_permit_of_a_client_that_left_goes_back(proxy):
    known, driven, followers = await probing(proxy)
    driven.exchange.on_client_gone()
    followers.take([Verdict(1, 3, True)], known.clock())
    assert [(each.kind, each.probe) for each in followers.reports.take()[0]] == [(ReportKind.IGNORED, 1)]
    assert known.loop.connected == []


async def test_a_fault_of_ours_after_the_permit_is_500(proxy):
    known, driven, followers = await probing(proxy)
    known.expect_faults()
    driven.downstream.set_deadline = failing
    followers.take([Verdict(1, 3, True)], known.clock())
    assert driven.writer.reasons == ["internal_error"]
