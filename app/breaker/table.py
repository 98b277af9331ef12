"""The breaker's transition table: what a request meets and what a result does, in each state.

Each entry has its effect, a function over the breaker's state and `now_s`, and the words with which the
documentation prints it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from app.breaker.state import MachineState
from app.breaker.values import BreakerRejection, BreakerState, Cause, Outcome, Permit
from app.foundation.reasons import Reason

__all__ = [
    "ADMISSIONS",
    "RESULTS",
    "Admission",
    "Result",
    "count_success",
    "count_successes",
    "state_table_markdown",
]

# named once: looking a member up in its enum costs 0.03 µs a rejection
_BREAKER_OPEN: Final = Reason.BREAKER_OPEN
_BREAKER_PROBING: Final = Reason.BREAKER_PROBING


class Admission(NamedTuple):
    """What a request meets; an effect that returns None asks for the transition to `to`, then again."""

    says: str
    effect: Callable[[MachineState, float], Permit | BreakerRejection | None]
    to: BreakerState


class Result(NamedTuple):
    """What a result of this generation does; an effect that names a cause asks for the transition to `to`."""

    says: str
    effect: Callable[[MachineState, Permit, float], Cause | None]
    to: BreakerState | None = None
    causes: tuple[Cause, ...] = ()


def _admit(machine: MachineState, now_s: float) -> Permit | BreakerRejection | None:
    return machine.closed_permit


def _wait(machine: MachineState, now_s: float) -> Permit | BreakerRejection | None:
    wait_s = machine.opened_at_s + machine.in_force.open_duration_s - now_s
    if wait_s <= 0:
        return None
    machine.rejected_open += 1
    return machine.reject(_BREAKER_OPEN, wait_s)


def _probe(machine: MachineState, now_s: float) -> Permit | BreakerRejection | None:
    if machine.full(now_s):
        machine.rejected_half_open += 1
        return machine.reject(_BREAKER_PROBING, 1)
    machine.probes_in_flight += 1
    return Permit(machine.generation, is_probe=True)


def _count_nothing(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    return None


def count_success(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    machine.consecutive_failures = 0
    window = machine.window
    if now_s < window.end_s:
        window.total += 1  # what record_success does within a bucket, 0.05 µs sooner
    else:
        window.record_success(now_s)
    return machine.judge_rates() if window.total == machine.minimum else None


def count_successes(machine: MachineState, number: int, following: int, now_s: float) -> Cause | None:
    """`number` ≥ 1 successes of a while, as `count_success` of each; `following`: failures after the last of them."""
    machine.consecutive_failures = following
    window, minimum = machine.window, machine.minimum
    window.advance_to(now_s)
    missing = minimum - window.total
    if 0 < missing <= number:  # judged with the success that fills the minimum, like one by one
        window.record_successes(missing, now_s)
        cause = machine.judge_rates()
        number -= missing
        if cause is not None or not number:
            return cause
    window.record_successes(number, now_s)
    return None


def _count_slow(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    machine.consecutive_failures = 0
    machine.window.record_slow(now_s)
    return machine.judge_rates()


def _count_failure(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    machine.consecutive_failures += 1
    machine.window.record_failure(now_s)
    threshold = machine.in_force.consecutive_failures
    if threshold is not None and machine.consecutive_failures >= threshold:
        return Cause.CONSECUTIVE_FAILURES
    return machine.judge_rates()


def _give_back(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    if permit.is_probe:
        permit.is_probe = False
        machine.probes_in_flight -= 1
    return None


def _probe_succeeded(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    if permit.is_probe:
        _give_back(machine, permit, now_s)
        machine.probe_successes += 1
        if machine.probe_successes >= machine.in_force.half_open_requests:
            return Cause.PROBE_SUCCEEDED
    return None


def _probe_failed(machine: MachineState, permit: Permit, now_s: float) -> Cause | None:
    return Cause.PROBE_FAILED if permit.is_probe else None


_RATES: Final = (Cause.FAILURE_RATE, Cause.SLOW_CALLS)

ADMISSIONS: Final[Mapping[BreakerState, Admission]] = MappingProxyType(
    {
        BreakerState.CLOSED: Admission("admitted", _admit, BreakerState.CLOSED),
        BreakerState.OPEN: Admission(
            "rejected with `breaker_open` until `openDuration` is over", _wait, BreakerState.HALF_OPEN
        ),
        BreakerState.HALF_OPEN: Admission(
            "admitted as a probe while fewer than `halfOpenRequests` are under way, else "
            "rejected with `breaker_probing`",
            _probe,
            BreakerState.HALF_OPEN,
        ),
    }
)

RESULTS: Final[Mapping[BreakerState, Mapping[Outcome, Result]]] = MappingProxyType(
    {
        BreakerState.CLOSED: {
            Outcome.SUCCESS: Result(
                "resets the count of consecutive failures; rates are evaluated once `minimumRequests` is reached",
                count_success,
                BreakerState.OPEN,
                _RATES,
            ),
            Outcome.SLOW: Result(
                "resets the count of consecutive failures, counts as slow; rates are evaluated",
                _count_slow,
                BreakerState.OPEN,
                _RATES,
            ),
            Outcome.FAILURE: Result(
                "counts as failed; consecutive failures and rates are evaluated",
                _count_failure,
                BreakerState.OPEN,
                (Cause.CONSECUTIVE_FAILURES, *_RATES),
            ),
            Outcome.IGNORED: Result("is not counted", _count_nothing),
        },
        BreakerState.OPEN: {},  # nobody is admitted, so every result is a late one
        BreakerState.HALF_OPEN: {
            Outcome.SUCCESS: Result(
                "gives its probe permit back; the breaker closes after `halfOpenRequests` of them",
                _probe_succeeded,
                BreakerState.CLOSED,
                (Cause.PROBE_SUCCEEDED,),
            ),
            Outcome.SLOW: Result(
                "opens again where `slowCalls` is set; otherwise as a success",
                _probe_failed,
                BreakerState.OPEN,
                (Cause.PROBE_FAILED,),
            ),
            Outcome.FAILURE: Result("opens again", _probe_failed, BreakerState.OPEN, (Cause.PROBE_FAILED,)),
            Outcome.IGNORED: Result("gives its probe permit back; is not counted", _give_back),
        },
    }
)


def state_table_markdown() -> str:
    """The transition table as a Markdown table, for the documentation."""
    lines = ["| state | event | what happens | next state, reason |", "|---|---|---|---|"]
    for state, admission in ADMISSIONS.items():
        then = "" if admission.to is state else f"`{admission.to}`, `{Cause.OPEN_DURATION_OVER}`"
        lines.append(f"| `{state}` | request | {admission.says} | {then} |")
        for outcome, rule in RESULTS[state].items():
            then = f"`{rule.to}`, " + " or ".join(f"`{cause}`" for cause in rule.causes) if rule.to else ""
            lines.append(f"| `{state}` | {outcome} | {rule.says} | {then} |")
    half_open = f"`{ADMISSIONS[BreakerState.OPEN].to}`, `{Cause.OPEN_DURATION_OVER}`"
    lines += [
        f"| `open` | `openDuration` is over, no request comes | half-open by itself within a second | {half_open} |",
        "| any | result of an earlier generation | is dropped | |",
        "| any | override begins | requests meet the forced state; results are not counted | `override` |",
        "| any | override ends | the breaker continues where it was | `override_ended` |",
    ]
    return "\n".join(lines)
