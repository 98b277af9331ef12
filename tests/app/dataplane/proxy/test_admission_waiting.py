"""Admission that must ask first: the store of a limit, the owner of a breaker."""

from app.breaker.follower import Followers, Reports
from app.breaker.standing import ReportKind, Standing, Verdict
from app.breaker.values import BreakerRejection, BreakerState, Outcome
from app.dataplane.proxy.admission import (
    Admit,
    Redirect,
    Reject,
    WaitForPermit,
    resume,
    resume_at_breaker,
)
from app.dataplane.proxy.shadow import ShadowBreaker
from app.foundation.reasons import Reason
from app.limits.limiter import Waiting
from app.limits.shared import SharedLimiter
from app.policy.model import CircuitBreaker
from app.telemetry.counts import Counts
from tests.fakes.door import NOW_S, Door, config, limits
from tests.fakes.lease_store import SimulatedStore
from tests.fakes.plans import plans_of

SHARED = "{name: s, key: Global, requests: 1, period: 1h}"


class SharedDoor(Door):
    """Over a store that answers when it is told to."""

    def __init__(self, text, **environment):
        super().__init__(text, **environment)
        self.limiter = self.shared = SharedLimiter(lambda: None)
        self.shared.set_up(1)
        self.store = SimulatedStore()

    def resumed(self, wait):
        verdicts = []
        wait.waiting.on_verdict = lambda verdict, now_s: verdicts.append(verdict)
        while calls := self.shared.next_calls(10, NOW_S):
            self.shared.on_reply(calls, self.store.reply([call.sent for call in calls], NOW_S), NOW_S)
        return resume(wait, verdicts[0], lambda: self.random, NOW_S)


async def test_a_limit_that_must_ask_its_store_leaves_the_request_waiting():
    wait = SharedDoor(config(stanzas=limits(SHARED))).wait()
    assert isinstance(wait.waiting, Waiting)
    assert (wait.route.name, wait.client) == ("r", None)


async def test_the_stores_answer_goes_on_where_the_request_waited():
    door = SharedDoor(config(stanzas=limits(SHARED)))
    admission = door.resumed(door.wait())
    assert isinstance(admission, Admit)
    assert admission.target.upstream.name == "one"
    assert admission.limit_lines == b'ratelimit-policy: "s";q=1;w=3600\r\nratelimit: "s";r=0;t=3600\r\n'


async def test_or_rejects_it_there():
    door = SharedDoor(config(stanzas=limits(SHARED)))
    first, second = door.wait(), door.wait()
    verdicts = []
    second.waiting.on_verdict = lambda verdict, now_s: verdicts.append(verdict)
    assert isinstance(door.resumed(first), Admit)
    rejected = resume(second, verdicts[0], lambda: door.random, NOW_S)
    assert isinstance(rejected, Reject)
    assert rejected.rejection.reason is Reason.RATE_LIMITED
    assert door.reason() is Reason.RATE_LIMITED


async def test_a_limit_that_lets_nobody_pass_without_its_store_says_so():
    text = config(stanzas=f"rateLimit: {{rules: [{SHARED}], onStoreFailure: Closed}}")
    door = SharedDoor(text)
    door.shared.set_down(NOW_S)
    rejection = door.reject().rejection
    assert (rejection.reason, rejection.retry_after_s) == (Reason.LIMIT_STORE_DOWN, 1)
    assert "the limit s cannot be counted" in rejection.detail
    assert door.plans.plans[0].counts.decisions == {("s", "store_down"): 1}


async def test_a_redirect_that_waited_takes_no_breaker():
    text = "routes: [{name: r, match: {path: {prefix: /}}, auth: none, redirect: {host: new.example}}]\n"
    text += f"policies: [{{name: p, spec: {{targetRefs: [{{kind: Gateway}}], {limits(SHARED)}}}}}]\n"
    door = SharedDoor(text)
    assert isinstance(door.resumed(door.wait()), Redirect)


# A worker's breakers


def followed(door, settings="circuitBreaker: {consecutiveFailures: 1}"):
    """A half-open breaker that a worker follows, at the door's only target."""
    followers = Followers(Reports(lambda: None, lambda: None))
    door.plans = plans_of(config(stanzas=settings), breakers=followers)
    followers.follow("one", Standing(BreakerState.HALF_OPEN, 3), NOW_S)
    return followers


def waits(door):
    admission = door.ask()
    assert isinstance(admission, WaitForPermit)
    return admission


async def test_who_meets_a_half_open_breaker_in_a_worker_waits_for_a_permit():
    door = Door(config())
    followers = followed(door)
    wait = waits(door)
    verdicts = []
    wait.waiting.on_verdict = lambda verdict, now_s: verdicts.append(verdict)
    followers.take([Verdict(1, 3, True)], NOW_S)
    admission = resume_at_breaker(wait, verdicts[0], NOW_S)
    assert isinstance(admission, Admit)
    assert admission.permit.is_probe
    rejection = resume_at_breaker(wait, BreakerRejection(Reason.BREAKER_PROBING, 1), NOW_S)
    assert isinstance(rejection, Reject)
    assert (rejection.rejection.reason, rejection.target) == (Reason.BREAKER_PROBING, wait.target)


async def test_a_shadow_breaker_in_a_worker_lets_pass_before_it_knows():
    counts, reports = Counts("1"), Reports(lambda: None, lambda: None)
    followers = Followers(reports)
    shadow = ShadowBreaker(
        followers.get("trial one", CircuitBreaker(half_open_requests=3)), "trial", "Gateway", counts
    )
    followers.follow("trial one", Standing(BreakerState.HALF_OPEN, 3), NOW_S)
    passed, rejected, early = (shadow.admit(NOW_S) for _ in range(3))
    early.end(Outcome.SUCCESS, False, NOW_S)
    rejection = Verdict(2, reason="breaker_probing", retry_after_s=1)
    followers.take([Verdict(1, 3, True), rejection, Verdict(3, 3, True)], NOW_S)
    assert counts.shadow_rejections == {("trial", "Gateway", "breaker_probing"): 1}
    passed.end(Outcome.FAILURE, True, NOW_S)
    rejected.end(Outcome.FAILURE, True, NOW_S)
    assert [(each.kind, each.probe) for each in reports.take()[0]] == [
        (ReportKind.SUCCESSES, 3),
        (ReportKind.FAILURE, 1),
    ]
