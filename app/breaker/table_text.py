"""The breaker's table as documentation prints it."""

from app.breaker.machine import ADMISSIONS, RESULTS
from app.breaker.values import Cause, State

__all__ = ["state_table_markdown"]


def state_table_markdown() -> str:
    """The transition table as a Markdown table, for the documentation."""
    lines = ["| state | event | what happens | next state, reason |", "|---|---|---|---|"]
    for state, asked in ADMISSIONS.items():
        then = "" if asked.to is state else f"`{asked.to}`, `{Cause.OPEN_DURATION_OVER}`"
        lines.append(f"| `{state}` | request | {asked.says} | {then} |")
        for outcome, rule in RESULTS[state].items():
            then = f"`{rule.to}`, " + " or ".join(f"`{cause}`" for cause in rule.causes) if rule.to else ""
            lines.append(f"| `{state}` | {outcome} | {rule.says} | {then} |")
    half_open = f"`{ADMISSIONS[State.OPEN].to}`, `{Cause.OPEN_DURATION_OVER}`"
    lines += [
        f"| `open` | `openDuration` is over, no request came | the same, within a second | {half_open} |",
        "| any | result of an earlier era | nothing | |",
        "| any | override begins | requests meet the forced state, results count nothing | `override` |",
        "| any | override ends | the machine goes on where it stood | `override_ended` |",
    ]
    return "\n".join(lines)
