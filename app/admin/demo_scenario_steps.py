"""The breaker test as a list of steps: what is done, what should be seen and when, what was. Pure."""

from dataclasses import dataclass, field

from app.admin.shape import Shape
from app.policy.model import CircuitBreaker
from app.schema.durations import format_duration

__all__ = ["LONGEST_OPEN_S", "Run", "Step", "failing_status", "plan_run", "unfit"]

LONGEST_OPEN_S = 600.0
MOST_FAILURES = 20


@dataclass(slots=True)
class Step:
    """`state`: pending, running, passed, failed or skipped. Instants in ms, None while not known."""

    id: str
    title: str
    expected: str
    state: str = "pending"
    seen: str = ""
    expected_at_ms: int | None = None
    seen_at_ms: int | None = None

    def begin(self, expected_at_ms: int | None) -> None:
        self.state = "running"
        self.expected_at_ms = expected_at_ms

    def end(self, passed: bool, seen: str, seen_at_ms: int) -> bool:
        self.state = "passed" if passed else "failed"
        self.seen, self.seen_at_ms = seen, seen_at_ms
        return passed

    def shape(self) -> Shape:
        return {
            "id": self.id,
            "title": self.title,
            "state": self.state,
            "expected": self.expected,
            "seen": self.seen,
            "expectedAt": self.expected_at_ms,
            "seenAt": self.seen_at_ms,
        }


@dataclass(slots=True)
class Run:
    """One run, from its plan to its result."""

    id: int
    started_at_ms: int
    steps: list[Step] = field(default_factory=list)
    state: str = "running"
    result: str = ""
    ended_at_ms: int | None = None

    def step(self, step_id: str) -> Step:
        return next(step for step in self.steps if step.id == step_id)

    def end(self, at_ms: int) -> None:
        """Judge the run by its steps; steps that were not reached are skipped."""
        failed = next((step for step in self.steps if step.state == "failed"), None)
        unfinished = [step for step in self.steps if step.state in ("pending", "running")]
        for step in unfinished:
            step.state = "skipped"
        took_s = (at_ms - self.started_at_ms) / 1000
        if failed is None and not unfinished:
            self.state = "passed"
            self.result = f"passed in {took_s:.1f} s: closed, open, half-open, closed, each on time"
        else:
            self.state = "failed"
            where = f"{failed.title}: {failed.seen}" if failed is not None else "it was interrupted"
            self.result = f"failed after {took_s:.1f} s: {where}"
        self.ended_at_ms = at_ms

    def shape(self) -> Shape:
        return {
            "id": self.id,
            "state": self.state,
            "startedAt": self.started_at_ms,
            "endedAt": self.ended_at_ms,
            "result": self.result,
            "steps": [step.shape() for step in self.steps],
        }


def unfit(settings: CircuitBreaker) -> str:
    """Why the test cannot be run under these settings; "" when it can."""
    if settings.consecutive_failures is None:
        return "the breaker's settings have no consecutiveFailures, which the test counts on"
    if settings.consecutive_failures > MOST_FAILURES:
        return f"consecutiveFailures is more than {MOST_FAILURES}"
    if settings.open_duration_s > LONGEST_OPEN_S:
        return f"openDuration is longer than {format_duration(LONGEST_OPEN_S)}"
    if failing_status(settings) is None:
        return "failureOn names no status that the demo upstream could respond with"
    return ""


def failing_status(settings: CircuitBreaker) -> int | None:
    """A status that counts as a failure under these settings; None where there is none."""
    return 503 if 503 in settings.failure_on else min(settings.failure_on, default=None)


def plan_run(run_id: int, settings: CircuitBreaker, now_ms: int) -> Run:
    """A run with all its steps pending. `settings` must pass `unfit`."""
    threshold, probes = settings.consecutive_failures or 0, settings.half_open_requests
    status, open_for = failing_status(settings), format_duration(settings.open_duration_s)
    return Run(
        run_id,
        now_ms,
        [
            Step("start", "The breaker is closed, the demo upstream responds", "closed, and a 200"),
            *(
                Step(f"failure_{number}", f"Failure {number} of {threshold}", f"{status} from the upstream")
                for number in range(1, threshold + 1)
            ),
            Step("opened", f"The breaker opens after {threshold} failures in a row", "open at once"),
            Step(
                "refused",
                "A request while open does not reach the upstream",
                f"503 breaker_open, Retry-After {open_for} or less",
            ),
            Step(
                "half_opened", f"Half-open when {open_for} are over", f"half-open {open_for} after it opened"
            ),
            Step(
                "probe",
                "A probe may pass" if probes == 1 else f"{probes} probes may pass",
                "200 from the upstream",
            ),
            Step("closed", "The breaker closes", "closed at once"),
        ],
    )
