"""What the conditions of a route's parents say of its rules (Gateway API v1.7.0: RouteParentStatus). Pure."""

from collections.abc import Iterable, Sequence

from app.operator.kube.resources import Condition
from app.operator.routes.attachment import Attachment
from app.operator.routes.compiled import ParentStatus, condition
from app.operator.routes.rules.rule import CompiledRule

__all__ = ["accepted_listeners", "parent_status"]

_MAX_MESSAGE = 32_768  # metav1.Condition
_MAX_NAMED = 10


def parent_status(attachment: Attachment, rules: Sequence[CompiledRule]) -> ParentStatus:
    """What attachment decides comes first; then the rules: all, some or none of them are served."""
    refs = _resolved_refs(rules)
    faulty = [index for index, rule in enumerate(rules) if rule.faults]
    faults = _listed(str(fault) for rule in rules for fault in rule.faults)
    if attachment.accepted.status != "True" or not (faulty or any(rule.notes for rule in rules)):
        return ParentStatus(attachment.parent, (attachment.accepted, refs))
    if len(faulty) == len(rules):
        message = f"{faults}. Until then its requests get 500"
        return ParentStatus(
            attachment.parent, (condition("Accepted", False, "UnsupportedValue", message), refs)
        )
    notes = [note for rule in rules for note in rule.notes]
    accepted = condition(
        "Accepted", True, attachment.accepted.reason, _listed((attachment.accepted.message, *notes))
    )
    if not faulty:
        return ParentStatus(attachment.parent, (accepted, refs))
    numbers = ", ".join(map(str, faulty[:_MAX_NAMED]))
    message = f"Dropped Rule {numbers}: {faults}. Until then its requests get 500"
    partial = condition("PartiallyInvalid", True, "UnsupportedValue", message)
    return ParentStatus(attachment.parent, (accepted, refs, partial))


def accepted_listeners(attachments: Iterable[Attachment], parents: Iterable[ParentStatus]) -> frozenset[str]:
    """Names in the document of the listeners that a route is attached to, of those `parents` that accept it."""
    accepted = {
        parent.ref
        for parent in parents
        if any(each.type == "Accepted" and each.status == "True" for each in parent.conditions)
    }
    return frozenset(name for each in attachments if each.parent in accepted for name in each.counted)


def _resolved_refs(rules: Sequence[CompiledRule]) -> Condition:
    """The reason is that of the first reference that leads nowhere."""
    problems = list(dict.fromkeys(problem for rule in rules for problem in rule.problems))
    if not problems:
        return condition("ResolvedRefs", True, "ResolvedRefs", "All references lead to Services")
    message = _listed(problem.message for problem in problems)
    return condition("ResolvedRefs", False, problems[0].reason, message)


def _listed(texts: Iterable[str]) -> str:
    """At most `_MAX_NAMED` of them, each once."""
    unique = list(dict.fromkeys(text for text in texts if text))
    more = len(unique) - _MAX_NAMED
    listed = "; ".join(unique[:_MAX_NAMED])
    return (f"{listed} (and {more} more)" if more > 0 else listed)[: _MAX_MESSAGE - 200]
