"""What puts what an edit changed back as it was: to copy, never done by the gateway itself. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeVar

from app.config.model import Listener, Route, Upstream
from app.config.policy_text import (
    KUBECTL,
    file_text,
    kubectl_apply,
    kubectl_delete,
    kubectl_patch,
    merge_patch,
)
from app.config.resources import Resources
from app.config.table import Table
from app.config.written import (
    is_without_values,
    said,
    written_credential,
    written_listener,
    written_route,
    written_upstream,
)
from app.policy.model import Policy
from app.schema.yaml_text import yaml_text

if TYPE_CHECKING:
    from app.config.sync.snapshot import PolicyEntry

__all__ = ["MOST_INVERSES", "Action", "Inverse", "inverse"]

MOST_INVERSES = 10
"""Policies, routes and upstreams that one edit's inverse names; of a larger edit, put the whole file back."""


T = TypeVar("T")


class Action(StrEnum):
    """What to do: the edit changed it, removed it, or added it."""

    CHANGE = "change"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Inverse:
    """`where`: `kubectl`, or the path of a file. `text`: a command for the one, YAML for the other; where something of
    a file is to be removed, as it stands there.

    `name`: the policy's, `namespace/name` of a resource; or `Route/orders`, `Upstream/orders`.
    """

    name: str
    action: Action
    where: str
    text: str


def inverse(old: Table, new: Table, source: str) -> tuple[Inverse, ...]:
    """For each policy, route and upstream that differs, at most MOST_INVERSES; O(routes).

    `source`: the edit's, which is the file's path for one of a file. Left out are keys, routes with values of header
    fields or query parameters, and the upstream whose credential the environment has: these may be secrets, and are
    not shown.
    """
    found: Iterator[Inverse] = _of_file(old, new, source)
    if old.resources.mark is not None:  # the first snapshot is no edit
        found = chain(found, _of_resources(*_own_specs(old.resources, new.resources)))
    return tuple(islice(found, MOST_INVERSES))


def _of_file(old: Table, new: Table, path: str) -> Iterator[Inverse]:
    def turned(
        before: Mapping[str, T], after: Mapping[str, T], text: Callable[[T], str]
    ) -> Iterator[Inverse]:
        for name, was in before.items():
            now = after.get(name)
            if was is not now and was != now and (written := text(was)):
                yield Inverse(name, Action.ADD if now is None else Action.CHANGE, path, written)
        for name, now in after.items():
            if name not in before and (written := text(now)):
                yield Inverse(name, Action.REMOVE, path, written)

    if old.policies != new.policies:
        yield from turned(_policies(old), _policies(new), file_text)
    yield from turned(_listeners(old), _listeners(new), _listener_text)
    yield from turned(_routes(old), _routes(new), _route_text)
    yield from turned(_upstreams(old), _upstreams(new), _upstream_text)


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


def _policies(table: Table) -> Mapping[str, Policy]:
    return {policy.name: policy for policy in table.policies}


def _listeners(table: Table) -> Mapping[str, Listener]:
    return {f"Listener/{each.name}": each for each in table.listeners if "/" not in each.name}


def _routes(table: Table) -> Mapping[str, tuple[Route, ...]]:
    """Those of the file, each with all its matches: what the cluster's objects say is put back there."""
    by_name: dict[str, list[Route]] = {}
    for settings in table.routes:
        if "/" not in settings.route.name:
            by_name.setdefault(f"Route/{settings.route.name}", []).append(settings.route)
    return {name: tuple(routes) for name, routes in by_name.items()}


def _upstreams(table: Table) -> Mapping[str, Upstream]:
    return {f"Upstream/{name}": upstream for name, upstream in table.upstreams.items() if "/" not in name}


def _listener_text(listener: Listener) -> str:
    return yaml_text({"listeners": [written_listener(listener)]})


def _route_text(routes: tuple[Route, ...]) -> str:
    """As the file has it; "" where it may not be shown, or is the built-in one: that alone has paths not forwarded."""
    if any(route.not_forwarded or not is_without_values(route) for route in routes):
        return ""
    return yaml_text({"routes": [written_route(*routes)]})


def _upstream_text(upstream: Upstream) -> str:
    """As the file has it; "" where the environment has its credential, which no file could give it back."""
    if upstream.credential is not None and upstream.credential.file is None:
        return ""
    credential = said(credential=written_credential(upstream.credential))
    return yaml_text({"upstreams": {str(upstream.name): {**written_upstream(upstream), **credential}}})


def _own_specs(old: Resources, new: Resources) -> tuple[_Specs, _Specs]:
    """As written: those that mean this gateway before or after, and those that it does not understand."""
    own = {policy.name for resources in (old, new) for policy in resources.policies}
    for resources in (old, new):
        own.update(_name(entry) for entry, spec in resources.read.values() if isinstance(spec, str))
    before, after = (
        {_name(entry): entry.spec for entry, _ in resources.read.values() if _name(entry) in own}
        for resources in (old, new)
    )
    return before, after


def _name(entry: "PolicyEntry") -> str:
    return f"{entry.namespace}/{entry.name}"
