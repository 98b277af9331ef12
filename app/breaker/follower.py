"""A worker's side of breakers whose machines the parent has: it decides by what the owner published last.

Closed: admits by itself; failures are reported at once, successes in sums. Open: rejects by itself. Half-open, when a
time is over, or after a failure that may have opened it: the request waits for a permit of the owner. All other calls
of `Breaker` are the owner's.
"""

from collections.abc import Callable, Iterable
from typing import Final

from app.breaker.awaited_permit import AwaitedPermit, BreakerVerdict
from app.breaker.registry import Breaker, Breakers
from app.breaker.standing import AT_REST, Report, ReportKind, Standing, Verdict, fewest_failures
from app.breaker.transitions import TransitionLog
from app.breaker.values import NO_GENERATION, BreakerRejection, BreakerState, Permit
from app.foundation import clock
from app.foundation.reasons import Reason
from app.policy.model import BreakerOverride, CircuitBreaker

__all__ = ["WAIT_S", "Follower", "Followers", "Reports"]

WAIT_S: Final = 0.2
"""The longest that a request waits for a permit; the owner needs a turn of its loop."""

_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_SUCCESSES: Final = ReportKind.SUCCESSES
_SLOW: Final = ReportKind.SLOW
_FAILURE: Final = ReportKind.FAILURE
_IGNORED: Final = ReportKind.IGNORED
_REJECTED: Final = ReportKind.REJECTED
_LOOKED: Final = ReportKind.LOOKED
_BREAKER_OPEN: Final = Reason.BREAKER_OPEN
_BREAKER_PROBING: Final = Reason.BREAKER_PROBING


class Reports:
    """What this process has to report, in its order, and the requests that wait for a permit.

    `send_now` is called when something must go with the turn of the loop, `send_soon` when it may wait 20 ms.
    """

    __slots__ = ("_last_number", "asked", "reports", "requests", "send_now", "send_soon", "unsummed")

    def __init__(self, send_now: Callable[[], None], send_soon: Callable[[], None]) -> None:
        self.send_now = send_now
        self.send_soon = send_soon
        self.reports: list[Report] = []
        self.requests: list[tuple[int, str]] = []
        self.asked: dict[int, tuple[Follower, AwaitedPermit]] = {}
        self.unsummed: dict[str, Follower] = {}
        """Those with successes that are due within 20 ms."""
        self._last_number = 0

    def ask(self, follower: "Follower", awaited: AwaitedPermit) -> None:
        """Request a permit of the owner."""
        self._last_number += 1
        self.asked[self._last_number] = (follower, awaited)
        self.requests.append((self._last_number, follower.name))
        self.send_now()

    def take(self) -> tuple[list[Report], list[tuple[int, str]]]:
        """What is due, to be sent now: reports, and requests for permits as (number, breaker)."""
        unsummed, self.unsummed = self.unsummed, {}
        for follower in unsummed.values():
            follower.sum_up()
        taken = self.reports, self.requests
        self.reports, self.requests = [], []
        return taken

    def lapse(self, now_s: float) -> None:
        """Requests that waited for too long are rejected; to be called every 20 ms while `asked` is not empty."""
        for number, (follower, awaited) in tuple(self.asked.items()):
            if awaited.is_over or awaited.due_s <= now_s:
                del self.asked[number]
                follower.lapsed(awaited, now_s)


class Follower(Breaker):
    """One breaker as a worker has it. Its machine stands still: it holds the settings, and gives the rejections."""

    __slots__ = (
        "_asked",
        "_counted",
        "_doubts",
        "_last_success_s",
        "_passing",
        "_probes",
        "_reports",
        "_settling",
        "_standing",
        "_successes",
    )

    def __init__(
        self,
        name: str,
        settings: CircuitBreaker,
        log: TransitionLog,
        wall_s: Callable[[], float],
        reports: Reports,
    ) -> None:
        super().__init__(name, settings, log, wall_s)
        self._reports = reports
        self._probes: dict[Permit, int] = {}
        self._asked = 0
        self._successes = 0
        self._last_success_s = 0.0
        self._standing = AT_REST
        self._counted = Permit(AT_REST.generation)
        self._passing: Permit | None = self._counted
        self._doubts = 0
        self._settling: AwaitedPermit | None = None

    # What requests meet

    def admit(self, now_s: float) -> BreakerVerdict | AwaitedPermit:
        permit = self._passing
        if permit is not None:
            return permit
        standing = self._standing
        if standing.until_s and now_s >= standing.until_s:
            return self._ask(now_s)
        if standing.state is _CLOSED:
            return NO_GENERATION if standing.is_forced else self._ask_whether_open(now_s)
        if standing.state is _OPEN:
            self.machine.rejected_open += 1
            return self.machine.reject(_BREAKER_OPEN, standing.until_s - now_s)
        return self._reject_probe() if standing.is_full else self._ask(now_s)

    def _ask(self, now_s: float) -> BreakerVerdict | AwaitedPermit:
        """Wait for a permit; beyond as many as the owner can lend the rejection is certain."""
        if not self._standing.is_forced and self._asked >= self.settings.half_open_requests:
            return self._reject_probe()
        return self._await_permit(now_s)

    def _ask_whether_open(self, now_s: float) -> AwaitedPermit:
        """The owner hears of the failures in doubt before it hears of this request."""
        awaited = self._await_permit(now_s)
        if self._settling is None:
            self._settling = awaited
        return awaited

    def _await_permit(self, now_s: float) -> AwaitedPermit:
        self._asked += 1
        awaited = AwaitedPermit(now_s + WAIT_S)
        self._reports.ask(self, awaited)
        return awaited

    def _reject_probe(self) -> BreakerRejection:
        self.machine.rejected_half_open += 1
        return self.machine.reject(_BREAKER_PROBING, 1)

    # What became of them

    def succeed(self, permit: Permit, now_s: float) -> None:
        if permit is self._counted:
            self._successes += 1
            self._last_success_s = now_s
            if self._standing.is_prompt and self.name not in self._reports.unsummed:
                self._reports.unsummed[self.name] = self
                self._reports.send_soon()
            return
        if permit.is_probe:
            self._report(_SUCCESSES, permit, now_s)

    def slow(self, permit: Permit, now_s: float) -> None:
        if permit is self._counted or permit.is_probe:
            self._report(_SLOW, permit, now_s)
            self._doubt(permit)

    def fail(self, permit: Permit, now_s: float, word: str = "", detail: str = "") -> None:
        self._report(_FAILURE, permit, now_s, word, detail)
        self._doubt(permit)

    def _doubt(self, permit: Permit) -> None:
        """What was just reported may have opened it: until the owner has said so or not, nobody passes by what is
        known here. One failure long before the next, on a breaker at rest, is in no doubt."""
        if permit is not self._counted or self._standing.is_forced:
            return
        self._doubts += 1
        if self._standing.is_prompt or self._doubts >= fewest_failures(self):
            self._passing = self._settling = None

    def ignore(self, permit: Permit, now_s: float) -> None:
        if permit.is_probe:
            self._report(_IGNORED, permit, now_s)

    def _report(
        self, kind: ReportKind, permit: Permit, now_s: float, word: str = "", detail: str = ""
    ) -> None:
        """With the turn of the loop, behind what succeeded before."""
        self.sum_up()
        probe = self._probes.pop(permit, 0) if permit.is_probe else 0
        if probe:
            self._standing = self._standing._replace(is_full=False)  # for all that is known here
        generation = permit.generation
        self._reports.reports.append(Report(self.name, kind, generation, now_s, 1, probe, word, detail))
        self._reports.send_now()

    def sum_up(self) -> None:
        """Put what succeeded since the last time into the reports; others decide when they are sent."""
        if self._successes:
            generation = self._standing.generation
            report = Report(self.name, _SUCCESSES, generation, self._last_success_s, self._successes)
            self._reports.reports.append(report)
            self._successes = 0

    def sum_up_rejections(self, now_s: float) -> None:
        """Put what was rejected here since the last time into the reports."""
        machine, generation = self.machine, self._standing.generation
        for state, number in (
            (_OPEN, machine.rejected_open),
            (BreakerState.HALF_OPEN, machine.rejected_half_open),
        ):
            if number:
                self._reports.reports.append(
                    Report(self.name, _REJECTED, generation, now_s, number, word=state.value)
                )
        machine.rejected_open = machine.rejected_half_open = 0

    # What the owner says

    @property
    def standing(self) -> Standing:
        """As published last."""
        return self._standing

    def follow(self, standing: Standing, now_s: float) -> None:
        """The owner published `standing`."""
        before, self._standing = self._standing, standing
        if standing.generation != before.generation:
            self._successes = 0  # of the generation that is over: they would change nothing any more
            self._counted = Permit(standing.generation)
            self._doubts = 0
        if standing.state is not _CLOSED or standing.is_forced:
            self._passing = None
        elif standing.generation != before.generation or before.is_forced:
            self._passing = self._counted
        if standing.look != before.look:
            self.sum_up()
            self._reports.reports.append(
                Report(self.name, _LOOKED, standing.generation, now_s, standing.look)
            )
            self._reports.send_now()

    def take(self, verdict: Verdict, awaited: AwaitedPermit, now_s: float) -> None:
        """The owner's reply to a request that waits, or waits no more."""
        self._asked -= 1
        if awaited is self._settling:
            self._settle()
        if verdict.reason:
            rejection = BreakerRejection(Reason(verdict.reason), verdict.retry_after_s)
            self._decide(awaited, rejection, now_s)
            return
        permit = self._permit_of(verdict)
        if awaited.is_over:
            self.ignore(permit, now_s)
        else:
            self._decide(awaited, permit, now_s)

    def _settle(self) -> None:
        """Every failure that was in doubt is in the standing by now."""
        self._settling = None
        self._doubts = 0
        if self._standing.state is _CLOSED and not self._standing.is_forced:
            self._passing = self._counted

    def _permit_of(self, verdict: Verdict) -> Permit:
        if verdict.is_probe:
            permit = Permit(verdict.generation, is_probe=True)
            self._probes[permit] = verdict.number
            return permit
        counted = self._counted
        return counted if counted.generation == verdict.generation else NO_GENERATION

    def lapsed(self, awaited: AwaitedPermit, now_s: float) -> None:
        """The owner did not reply in time; its permit, should it come, goes back unused."""
        self._asked -= 1
        if awaited is self._settling:
            self._settling = None  # still in doubt: the next one asks again
        if not awaited.is_over:
            is_closed = self._standing.state is _CLOSED
            self._decide(awaited, self._counted if is_closed else self._reject_probe(), now_s)

    def _decide(self, awaited: AwaitedPermit, verdict: BreakerVerdict, now_s: float) -> None:
        on_verdict = awaited.on_verdict
        awaited.cancel()
        on_verdict(verdict, now_s)

    # What is the owner's alone

    def set_policy_override(
        self, override: BreakerOverride | None, by: str, now_s: float, wall_s: float
    ) -> None:
        """The owner has it from the same configuration."""

    def pass_time(self, now_s: float) -> None:
        """The owner's clock decides."""


class Followers(Breakers):
    """All breakers of a worker. What the owner published of one that is not made yet is kept for it."""

    __slots__ = ("_standings", "reports")

    def __init__(self, reports: Reports, wall_s: Callable[[], float] = clock.wall_s) -> None:
        super().__init__(wall_s)
        self.reports = reports
        self._standings: dict[str, Standing] = {}

    def _make(self, name: str, settings: CircuitBreaker) -> Breaker:
        follower = Follower(name, settings, self.transition_log, self._wall_s, self.reports)
        standing = self._standings.get(name)
        if standing is not None:
            follower.follow(standing, 0.0)
        return follower

    def follow(self, name: str, standing: Standing | None, now_s: float) -> None:
        """The owner published `standing` of breaker `name`, or has it no more (None)."""
        if standing is None:
            self._standings.pop(name, None)
            return
        self._standings[name] = standing
        follower = self.known(name)
        if isinstance(follower, Follower):
            follower.follow(standing, now_s)

    def take(self, verdicts: Iterable[Verdict], now_s: float) -> None:
        """The owner's replies."""
        for verdict in verdicts:
            asked = self.reports.asked.pop(verdict.number, None)
            if asked is not None:
                follower, awaited = asked
                follower.take(verdict, awaited, now_s)
            elif verdict.is_probe:  # it came too late: the permit goes back
                self.reports.reports.append(
                    Report("", _IGNORED, verdict.generation, now_s, 1, verdict.number)
                )
                self.reports.send_now()

    def sum_up(self, now_s: float) -> None:
        """To be called every second: everything that is not reported yet is due."""
        for breaker in self.all():
            if isinstance(breaker, Follower):
                breaker.sum_up()
                breaker.sum_up_rejections(now_s)
