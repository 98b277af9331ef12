"""The parent's side of breakers that workers follow: one machine for all of them, and who holds which permit.

Reports move the machines, requests borrow probe permits, and what changed for those who follow is published. Nothing
here waits or asks the time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from app.breaker.registry import Breaker
from app.breaker.standing import AT_REST, Report, ReportKind, Standing, Verdict, judges_rates, standing_of
from app.breaker.values import BreakerRejection, BreakerState, Permit

__all__ = ["LOOK_S", "BreakerOwner", "Changes"]

LOOK_S: Final = 0.02
"""The longest that results are held for workers that have not reported yet."""

_SUCCESSES: Final = ReportKind.SUCCESSES
_SLOW: Final = ReportKind.SLOW
_FAILURE: Final = ReportKind.FAILURE
_REJECTED: Final = ReportKind.REJECTED
_LOOKED: Final = ReportKind.LOOKED

Changes: TypeAlias = Mapping[str, Standing | None]
"""What is published, by breaker; None: it is gone."""


class _Request(NamedTuple):
    """For a permit of breaker `name`; the worker knows it by `number`."""

    worker: int
    number: int
    name: str


class _Look:
    """The first bad result of a window came: it is held until all have reported what succeeded before, and so are
    requests for a permit that came behind it."""

    __slots__ = ("due_s", "held", "number", "requests", "waiting")

    def __init__(self, number: int, waiting: set[int], due_s: float) -> None:
        self.number = number
        self.waiting = waiting
        self.due_s = due_s
        self.held: list[Report] = []
        self.requests: list[_Request] = []


class _Row:
    """When the failures were that stand in a row now, in the generation that they belong to."""

    __slots__ = ("at_s", "generation")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.at_s: list[float] = []


class BreakerOwner:
    """`known` gives the breaker of a name, `breakers` all of them. `publish` sends what changed to every worker,
    `reply` verdicts to one, behind what was published before.

    Workers are numbers, another one for each process that ever was.
    """

    __slots__ = (
        "_breakers",
        "_known",
        "_looks",
        "_probes",
        "_publish",
        "_published",
        "_reply",
        "_rows",
        "_workers",
    )

    def __init__(
        self,
        known: Callable[[str], Breaker | None],
        breakers: Callable[[], Iterable[Breaker]],
        publish: Callable[[Changes], None],
        reply: Callable[[int, Sequence[Verdict]], None],
    ) -> None:
        self._known = known
        self._breakers = breakers
        self._publish = publish
        self._reply = reply
        self._workers: set[int] = set()
        self._probes: dict[tuple[int, int], tuple[Breaker, Permit]] = {}
        self._published: dict[str, Standing] = {}
        self._looks: dict[str, _Look] = {}
        self._rows: dict[str, _Row] = {}

    # Workers

    def join(self, worker: int) -> dict[str, Standing]:
        """`worker` follows from now on; what it must know before its first request."""
        self._workers.add(worker)
        return {name: standing for name, standing in self._published.items() if standing != AT_REST}

    def leave(self, worker: int, now_s: float) -> None:
        """It is dead, or will report nothing more: its probe permits come back."""
        self._workers.discard(worker)
        touched = set()
        for key in [key for key in self._probes if key[0] == worker]:
            breaker, permit = self._probes.pop(key)
            breaker.ignore(permit, now_s)
            touched.add(breaker.name)
        for name, look in tuple(self._looks.items()):
            look.requests = [request for request in look.requests if request.worker != worker]
            look.waiting.discard(worker)
            if not look.waiting:
                self._end_look(name, now_s)
        self._refresh(touched, now_s)

    # What they report and request

    def on_reports(self, worker: int, reports: Sequence[Report], now_s: float) -> None:
        """Take what `worker` reports, in its order, and publish what that changed."""
        for report in reports:
            self._take(worker, report, now_s)
        self._refresh({report.name for report in reports}, now_s)

    def on_requests(self, worker: int, requests: Iterable[tuple[int, str]], now_s: float) -> None:
        """A verdict for each request for a permit (number, breaker): at once, or at the end of a look."""
        due: list[_Request] = []
        for number, name in requests:
            look = self._looks.get(name)
            (due if look is None else look.requests).append(_Request(worker, number, name))
        self._judge(due, now_s)

    def _judge(self, requests: Sequence[_Request], now_s: float) -> None:
        verdicts: dict[int, list[Verdict]] = {}
        for request in requests:
            verdicts.setdefault(request.worker, []).append(self._lend(*request, now_s))
        self._refresh({request.name for request in requests}, now_s)
        for worker, its_verdicts in verdicts.items():
            self._reply(worker, its_verdicts)

    def _lend(self, worker: int, number: int, name: str, now_s: float) -> Verdict:
        breaker = self._known(name)
        if breaker is None:
            return Verdict(number)  # its configuration is another one for a moment: let pass, count nothing
        permit = breaker.admit(now_s)
        if isinstance(permit, BreakerRejection):
            return Verdict(number, reason=permit.reason.value, retry_after_s=permit.retry_after_s)
        assert isinstance(permit, Permit)  # noqa: S101 - the owner's own breakers let nobody wait
        if permit.is_probe:
            self._probes[worker, number] = (breaker, permit)
        return Verdict(number, permit.generation, permit.is_probe)

    def _take(self, worker: int, report: Report, now_s: float) -> None:
        if report.probe:
            self._end_probe(worker, report, now_s)
            return
        breaker = self._known(report.name)
        if breaker is None:
            return
        if report.kind is _REJECTED:
            if report.word == BreakerState.OPEN:
                breaker.machine.rejected_open += report.number
            else:
                breaker.machine.rejected_half_open += report.number
            return
        look = self._looks.get(report.name)
        if look is None and report.kind in (_SLOW, _FAILURE) and self._must_look(breaker):
            look = self._begin_look(breaker, worker, now_s)
        if look is None:
            self._count(breaker, report, now_s)
        elif report.kind is not _LOOKED:
            look.held.append(report)
        elif report.number == look.number:
            look.waiting.discard(worker)
            if not look.waiting:
                self._end_look(report.name, now_s)

    def _end_probe(self, worker: int, report: Report, now_s: float) -> None:
        breaker, permit = self._probes.pop((worker, report.probe), (None, None))
        if breaker is None or permit is None:
            return
        if report.kind is _SUCCESSES:
            breaker.succeed(permit, now_s)
        elif report.kind is _FAILURE:
            breaker.fail(permit, now_s, report.word, report.detail)
        elif report.kind is _SLOW:
            breaker.slow(permit, now_s)
        else:
            breaker.ignore(permit, now_s)
        self._refresh((breaker.name,), now_s)

    def _count(self, breaker: Breaker, report: Report, now_s: float) -> None:
        if report.kind is _LOOKED:
            return
        row = self._rows.get(breaker.name)
        if row is None or row.generation != breaker.machine.generation:
            row = self._rows[breaker.name] = _Row(breaker.machine.generation)
        if report.kind is _SUCCESSES:
            if report.generation == row.generation:
                row.at_s = [at_s for at_s in row.at_s if at_s > report.at_s]
            breaker.succeed_often(report.generation, report.number, len(row.at_s), now_s)
            return
        permit = Permit(report.generation)
        if report.kind is _SLOW:
            row.at_s.clear()
            breaker.slow(permit, now_s)
            return
        before = breaker.machine.consecutive_failures
        breaker.fail(permit, now_s, report.word, report.detail)
        if breaker.machine.consecutive_failures > before:
            row.at_s = [*row.at_s[-before:], report.at_s] if before else [report.at_s]

    # Looks

    def _must_look(self, breaker: Breaker) -> bool:
        """Whether this result could open it by a share of which other workers know a part."""
        published = self._published.get(breaker.name, AT_REST)
        is_quiet = (
            published.state is BreakerState.CLOSED and not published.is_forced and not published.is_prompt
        )
        return is_quiet and len(self._workers) > 1 and judges_rates(breaker)

    def _begin_look(self, breaker: Breaker, worker: int, now_s: float) -> _Look:
        number = self._published.get(breaker.name, AT_REST).look + 1
        look = _Look(number, self._workers - {worker}, now_s + LOOK_S)
        self._looks[breaker.name] = look
        return look

    def end_looks(self, now_s: float) -> bool:
        """To be called every 20 ms while there are looks, which True says; those that took too long end."""
        due = [name for name, look in self._looks.items() if look.due_s <= now_s]
        for name in due:
            self._end_look(name, now_s)
        return bool(self._looks)

    @property
    def is_looking(self) -> bool:
        return bool(self._looks)

    def _end_look(self, name: str, now_s: float) -> None:
        look, breaker = self._looks.pop(name), self._known(name)
        if breaker is not None:
            for report in sorted(look.held, key=_at_s):
                self._count(breaker, report, now_s)
        self._refresh((name,), now_s)
        self._judge(look.requests, now_s)

    # What is published

    def sweep(self, now_s: float) -> None:
        """Publish what changed by time, by an override or by a configuration. To be called then, and every second."""
        present = {breaker.name for breaker in self._breakers()}
        gone = self._published.keys() - present
        for name in gone:
            del self._published[name]
            self._rows.pop(name, None)
            if name in self._looks:
                self._end_look(name, now_s)
        if gone:
            self._publish(dict.fromkeys(gone))
        self._refresh(present, now_s)

    def refresh(self, name: str, now_s: float) -> None:
        """Publish what changed of one breaker."""
        self._refresh((name,), now_s)

    def _refresh(self, names: Iterable[str], now_s: float) -> None:
        changes: dict[str, Standing | None] = {}
        for name in names:
            breaker = self._known(name)
            if breaker is None:
                continue
            published = self._published.get(name, AT_REST)
            look = self._looks.get(name)
            standing = standing_of(breaker, now_s, look.number if look is not None else published.look)
            if standing != published:
                changes[name] = standing
            self._published[name] = standing
        if changes:
            self._publish(changes)


def _at_s(report: Report) -> float:
    return report.at_s
