"""What puts an edit's policies back as they were: to copy, never done by the gateway itself. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from app.config.policy_text import (
    KUBECTL,
    file_text,
    kubectl_apply,
    kubectl_delete,
    kubectl_patch,
    merge_patch,
)
from app.config.table import Table
from app.policy.model import Policy

__all__ = ["MOST_INVERSES", "Action", "Inverse", "inverse"]

MOST_INVERSES = 10
"""Policies that one edit's inverse names; of an edit of more, put the whole file or release back."""


class Action(StrEnum):
    """What to do with the policy: the edit changed it, removed it, or added it."""

    CHANGE = "change"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Inverse:
    """`where`: `kubectl`, or the path of a file. `text`: a command for the one, YAML for the other; where a file's
    policy is to be removed, the policy as it stands there.

    `policy`: its name, `namespace/name` of a resource.
    """

    policy: str
    action: Action
    where: str
    text: str


def inverse(old: Table, new: Table, source: str) -> tuple[Inverse, ...]:
    """For each policy that differs, at most MOST_INVERSES; `source`: the edit's, which is the file's path for those
    of a file. Routes, upstreams and keys are left out: their values may be secrets, and are not kept.
    """
    found: Iterator[Inverse] = iter(())
    if old.policies != new.policies:
        found = _of_file(_by_name(old), _by_name(new), source)
    elif (
        old.resources is not new.resources and old.resources.mark is not None
    ):  # the first snapshot is no edit
        found = _of_resources(_specs(old), _specs(new))
    return tuple(islice(found, MOST_INVERSES))


def _of_file(old: Mapping[str, Policy], new: Mapping[str, Policy], path: str) -> Iterator[Inverse]:
    for name, policy in old.items():
        if name not in new:
            yield Inverse(name, Action.ADD, path, file_text(policy))
        elif policy != new[name]:
            yield Inverse(name, Action.CHANGE, path, file_text(policy))
    for name, policy in new.items():
        if name not in old:
            yield Inverse(name, Action.REMOVE, path, file_text(policy))


def _of_resources(old: "_Specs", new: "_Specs") -> Iterator[Inverse]:
    for name, spec in old.items():
        now = new.get(name)
        if now is None:
            yield Inverse(name, Action.ADD, KUBECTL, kubectl_apply(name, spec))
        elif now != spec:
            patch = merge_patch(now, spec)
            yield Inverse(name, Action.CHANGE, KUBECTL, kubectl_patch(name, patch))
    for name in new:
        if name not in old:
            yield Inverse(name, Action.REMOVE, KUBECTL, kubectl_delete(name))


_Specs = Mapping[str, Mapping[str, object]]


def _by_name(table: Table) -> Mapping[str, Policy]:
    return {policy.name: policy for policy in table.policies}


def _specs(table: Table) -> _Specs:
    """As their authors wrote them, also those that this gateway does not understand."""
    read = table.resources.read
    return {f"{entry.namespace}/{entry.name}": entry.spec for entry, _ in read.values()}
