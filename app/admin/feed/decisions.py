"""The last decisions about requests as the monitor shows them to a viewer that asks. Pure."""

from app.admin.decision_sentences import decision_sentences
from app.admin.decision_views import decision_shape, mark_text
from app.admin.feed.instants import ms
from app.admin.shape import Shape
from app.telemetry.decisions import Decision, Found

__all__ = ["decision_reply", "decisions_reply"]


def decisions_reply(found: Found, kept: int) -> Shape:
    """As `GET /v1/decisions`, with instants as the monitor writes them; `kept`: how many decisions there are in all."""
    oldest_s = found.oldest_wall_s
    return {
        "decisions": [_shape(each, limits_shared=found.limits_shared) for each in found.decisions()],
        "oldest": None if oldest_s is None else ms(oldest_s),
        "kept": kept,
        "mark": mark_text(found.mark),
        "omitted": found.omitted,
        "overwritten": found.overwritten,
        "restarted": found.restarted,
    }


def decision_reply(decision: Decision, *, limits_shared: bool) -> Shape:
    """One of them, and what `tidegate why` says of it, a sentence each."""
    shape = decision_shape(decision, limits_shared=limits_shared)
    return {
        "decision": _shape(decision, limits_shared=limits_shared),
        "sentences": decision_sentences(shape).splitlines(),
    }


def _shape(decision: Decision, *, limits_shared: bool) -> Shape:
    shape = decision_shape(decision, limits_shared=limits_shared)
    return {**shape, "at": ms(decision.at_wall_s)}
