"""`tidegate check FILE…`: every fault and hazard of configuration files and policy manifests, offline.

A file may hold several manifests; a manifest is known by its `apiVersion` or `kind`. One of another kind is left to
what judges those, or skipped, so that a rendered chart can be checked; the configuration in the chart's ConfigMap is
looked into. What the gateway would not find here (an unset secret, a `keysFile` that is not on this machine) counts as
good.
"""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from app.config.check_inputs import inputs_of
from app.config.config_maps import config_in, config_lines
from app.config.credentials import read_secret
from app.config.environment import EnvironmentRules
from app.config.hazards import find_hazards, find_oversights
from app.config.idle_policies import find_idle_policies
from app.config.model import Config, KeyEntry
from app.config.parsing.config_file import read_config, target_names
from app.config.parsing.keys import parse_keys
from app.config.sources.file import read_source
from app.config.table import Table, compile_table
from app.foundation.errors import ConfigFault, ConfigFaults
from app.policy.kind import API_VERSION, KIND
from app.policy.merge import find_conflicts, target_text
from app.policy.model import Policy, TargetKind
from app.policy.objects import object_name
from app.policy.parse import read_spec
from app.schema.document import Document, load_document, load_documents
from app.schema.faults import Faults, Path
from app.schema.names import dns_label, dns_subdomain
from app.schema.section import Section
from app.schema.wording import kind_of, nearest, show

__all__ = ["API_VERSION", "KIND", "CheckedFile", "Findings", "OtherObjects", "check_paths"]

_BARE_ON = re.compile(r"""^(?:[^#"'\n]*[\s{,])?on\s*:(?:\s|$)""", re.MULTILINE)
_DEFAULT_NAMESPACE = "default"
_MAX_NAMES = 10
_MANIFEST_KEYS = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """How many documents of a file were checked, and how many are objects of other kinds, left alone."""

    name: str
    checked: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with files, and what is valid but dangerous; both in the files' order."""

    faults: tuple[ConfigFault, ...]
    warnings: tuple[ConfigFault, ...] = ()
    files: tuple[CheckedFile, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the environment says about every file. `has_key`: it holds an API key. `has_cluster`: an operator may bring
    routes of the cluster."""

    rules: EnvironmentRules
    raw_paths: bool
    has_key: bool
    has_cluster: bool


class _Manifests:
    """The policies read so far, by namespace, each with the place of its document, and the configurations."""

    def __init__(self) -> None:
        self._targets: list[tuple[Policy, Document, Path]] = []
        self._configs: list[Config] = []
        self._without_routes: list[Document] = []
        self.by_namespace: dict[str, list[tuple[Policy, str]]] = {}

    def add(self, namespace: str, policy: Policy, place: str) -> str | None:
        """The place of an earlier policy of the same name, if there is one."""
        policies = self.by_namespace.setdefault(namespace, [])
        for other, other_place in policies:
            if other.name == policy.name:
                return other_place
        policies.append((policy, place))
        return None

    def add_config(self, config: Config) -> None:
        self._configs.append(config)

    def add_without_routes(self, document: Document) -> None:
        """A configuration whose `routes` are none, and no operator known that brings others."""
        self._without_routes.append(document)

    def without_routes(self) -> Iterator[ConfigFault]:
        """The warnings that nothing is served, where no route of the cluster is checked beside."""
        for document in self._without_routes:
            found = Faults()
            what = "is empty: every request gets 404 no_route, but for the gateway's own pages"
            fix = "add a route; where routes come from the cluster, set CONTROL_PLANE_URL here as at the gateway"
            found.add(("routes",), what, fix)
            yield from document.located(found)

    def add_targets(self, policy: Policy, document: Document, path: Path) -> None:
        """`path`: of its `targetRefs` in `document`."""
        self._targets.append((policy, document, path))

    def strays(self, objects: Collection[str]) -> list[ConfigFault]:
        """Targets that nothing checked together with the policies has, where something could have them.

        `objects`: those of the cluster, by the names of `app/policy/objects.py`.
        """
        own = {kind: target_names(self._configs, kind) for kind in (TargetKind.ROUTE, TargetKind.UPSTREAM)}
        found: list[ConfigFault] = []
        for policy, document, path in self._targets:
            strays = Faults()
            for index, target in enumerate(policy.spec.targets):
                if target.is_object:
                    name = object_name(target, policy.namespace or _DEFAULT_NAMESPACE)
                    prefix = name[: name.index("/", name.index("/") + 1) + 1]
                    known = {one.removeprefix(prefix) for one in objects if one.startswith(prefix)}
                    wanted, place = name.removeprefix(prefix), "manifest"
                elif target.kind is TargetKind.GATEWAY or not self._configs:
                    continue
                else:
                    known, wanted, place = own[target.kind], str(target.name), "configuration"
                if known and wanted not in known:
                    what = f"names {target_text(target)}, which no {place} checked here has"
                    near = nearest(wanted, known)
                    fix = (
                        f"did you mean {near}?"
                        if near
                        else f"there are: {', '.join(sorted(known)[:_MAX_NAMES])}"
                    )
                    strays.add((*path, index, "name"), what, fix)
            found.extend(document.located(strays))
        return found

    def conflicts(self) -> list[ConfigFault]:
        faults = []
        for policies in self.by_namespace.values():
            for conflict in find_conflicts([policy for policy, _ in policies]):
                winner, winner_place = policies[conflict.winner]
                _, place = policies[conflict.loser]
                what = (
                    f"conflicts with policy {winner.name} ({winner_place}): "
                    f"both set {conflict.stanza} for {conflict.target}"
                )
                faults.append(ConfigFault(f"{place}: spec.{conflict.stanza}", what, "keep one of the two"))
        return faults


class OtherObjects(Protocol):
    """Judges objects of Kubernetes that are neither policies nor configurations."""

    def add(self, document: Document, path: Path, manifest: Mapping[str, object]) -> bool:
        """Takes the object at `path` of `document`; False: it is none of those that are judged."""

    def findings(self) -> tuple[tuple[ConfigFault, ...], tuple[ConfigFault, ...]]:
        """Faults and warnings of all objects together."""

    def names(self) -> Collection[str]:
        """Those of objects that policies may target (`app/policy/objects.py`)."""

    def has_routes(self) -> bool:
        """Whether one of the objects leads requests anywhere."""


def check_paths(
    paths: Sequence[str], env: Mapping[str, str] | None = None, others: OtherObjects | None = None
) -> Findings:
    """All findings in the files, folders and pipes of `paths`; `-`: standard input. `env`: as for the gateway.

    `others`: judges what else there is; without it that is skipped.
    """
    terms = _terms({} if env is None else env)
    faults: list[ConfigFault] = []
    warnings: list[ConfigFault] = []
    files: list[CheckedFile] = []
    manifests = _Manifests()
    try:
        inputs = list(inputs_of(paths))
    except ConfigFaults as none:
        return Findings(none.faults)
    for given in inputs:
        try:
            documents = load_documents(given.read(), given.name) or (Document(None, given.name, (), "", 0),)
        except ConfigFaults as unreadable:
            faults.extend(unreadable.faults)
            continue
        checked = skipped = 0
        for document in documents:
            foreign, objects = 0, _objects(document, len(documents))
            if objects is None:
                found = [_check_config(document, len(documents), terms, manifests)]
            else:
                ours = [(path, one) for path, one in objects if not _is_foreign(one)]
                texts = [(path, text) for path, one in objects if (text := config_in(one)) is not None]
                judged = sum(others.add(document, *one) for one in _foreign(objects)) if others else 0
                foreign = len(objects) - len(ours) - len(texts) - judged
                found = [_check_manifests(document, ours, manifests)]
                found += [_check_config_map(document, path, text, terms, manifests) for path, text in texts]
            for one in found:
                faults.extend(one.faults)
                warnings.extend(one.warnings)
            checked += 1 if objects is None else len(objects) - foreign
            skipped += foreign
        files.append(CheckedFile(given.name, checked, skipped))
    faults.extend(manifests.conflicts())
    if not faults:  # else a route may be missing only because its file could not be read
        warnings.extend(manifests.strays(frozenset() if others is None else others.names()))
        if others is None or not others.has_routes():
            warnings.extend(manifests.without_routes())
    if others is not None:
        of_others = others.findings()
        faults.extend(of_others[0])
        warnings.extend(of_others[1])
    # what is wrong with a variable is so for every file
    return Findings(tuple(dict.fromkeys(faults)), tuple(dict.fromkeys(warnings)), tuple(files))


def _terms(env: Mapping[str, str]) -> _Terms:
    return _Terms(
        EnvironmentRules.offline(env),
        raw_paths=env.get("PATHS", "").lower() == "raw",
        has_key=bool(env.get("API_KEY") or env.get("API_KEY_FILE")),
        has_cluster=bool(env.get("CONTROL_PLANE_URL")),
    )


def _objects(document: Document, documents: int) -> list[tuple[Path, object]] | None:
    """The objects of Kubernetes in it, each with its path; None: it is a configuration, or empty."""
    value = document.value
    if value is None and documents > 1:
        return []  # what `---` at the start or end of a file of manifests leaves
    if not isinstance(value, dict) or not ("apiVersion" in value or "kind" in value):
        return None
    items = value.get("items")
    if (value.get("kind"), value.get("apiVersion")) == ("List", "v1") and isinstance(items, list):
        return [(("items", index), item) for index, item in enumerate(items)]
    return [((), value)]


def _check_config_map(
    document: Document, path: Path, text: str, terms: _Terms, manifests: _Manifests
) -> Findings:
    """Its keys may come from a Secret, its credentials from files of a pod, and routes from the cluster, so none are
    missed."""
    try:
        inner = load_document(config_lines(document, path, text).encode(), document.source)
    except ConfigFaults as unreadable:
        return Findings(unreadable.faults)
    return _check_config(inner, 1, replace(terms, has_key=True, has_cluster=True), manifests)


def _check_config(document: Document, documents: int, terms: _Terms, manifests: _Manifests) -> Findings:
    faults = Faults(document.found)
    value = document.value
    if documents > 1:
        what = f"document {document.index + 1} of {documents} is a configuration"
        faults.add((), what, "give it a file of its own, without lines that are only ---")
    config = Config() if value is None else read_config(value, faults)
    if located := document.located(faults):
        return Findings(located)
    hazards = find_hazards(config, raw_paths=terms.raw_paths)
    oversights = find_oversights(config, terms.rules.auth, has_key=terms.has_key, is_empty=value is None)
    manifests.add_config(config)
    if config.routes == () and not terms.has_cluster:
        manifests.add_without_routes(document)
    compiled, table = _compiled(config, terms.rules)
    idle = Faults() if table is None else find_idle_policies(config.policies, table)
    warnings = (
        *document.located(hazards),
        *document.located(oversights),
        *document.located(idle),
    )
    return Findings(compiled, warnings)


def _foreign(objects: Sequence[tuple[Path, object]]) -> list[tuple[Path, dict[str, object]]]:
    return [(path, one) for path, one in objects if isinstance(one, dict) and _is_foreign(one)]


def _is_foreign(manifest: object) -> bool:
    """Whether it is an object of Kubernetes that has nothing to do with Tidegate."""
    if not isinstance(manifest, dict):
        return False
    kind, version = manifest.get("kind"), manifest.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        return False
    return kind != KIND and version.partition("/")[0] != API_VERSION.partition("/")[0]


def _compiled(config: Config, environment: EnvironmentRules) -> tuple[tuple[ConfigFault, ...], Table | None]:
    """The faults that only the whole shows, and what the gateway would serve from; None where there are some."""
    faults: list[ConfigFault] = []
    keys: tuple[KeyEntry, ...] = ()
    for upstream in config.upstreams:
        file = None if upstream.credential is None else upstream.credential.file
        try:
            if file is not None and os.path.exists(file):
                read_secret(read_source(file), file)
        except ConfigFaults as found:
            faults.extend(found.faults)
    try:
        if config.keys_file is not None and os.path.exists(config.keys_file):
            keys = parse_keys(read_source(config.keys_file), config.keys_file)
    except ConfigFaults as found:
        faults.extend(found.faults)
    try:
        return tuple(faults), compile_table(config, environment, 0, keys)
    except ConfigFaults as found:
        return (*faults, *found.faults), None


def _check_manifests(
    document: Document, objects: Sequence[tuple[Path, object]], manifests: _Manifests
) -> Findings:
    faults = Faults(document.found if objects else ())
    for path, value in objects:
        section = Section.open(value, path, _MANIFEST_KEYS, faults)
        if section is not None and _is_policy(section):
            _check_manifest(document, section, manifests)
    return Findings(document.located(faults))


def _check_manifest(document: Document, section: Section, manifests: _Manifests) -> None:
    faults = section.faults
    faults_before = len(faults)
    name, namespace = _read_metadata(section)
    if not section.required("spec", "targetRefs and at least one stanza"):
        return
    spec = read_spec(section.raw("spec"), section.at("spec"), faults)
    _check_bare_on(document, section)
    if len(faults) > faults_before:
        return
    policy = Policy(name, spec, namespace or None)
    manifests.add_targets(policy, document, (*section.at("spec"), "targetRefs"))
    first = manifests.add(namespace, policy, f"{document.source}: {KIND} {name}")
    if first is not None:
        what = f"repeats {name} (first: {first})"
        faults.add((*section.at("metadata"), "name"), what, "give each policy its own name")


def _check_bare_on(document: Document, manifest: Section) -> None:
    """kubectl and Helm read YAML 1.1: there a bare `on` is true, and the API server knows no such field."""
    spec = manifest.raw("spec")
    retry = spec.get("retry") if isinstance(spec, dict) else None
    if isinstance(retry, dict) and "on" in retry and _BARE_ON.search(document.text):
        path = (*manifest.at("spec"), "retry", "on")
        manifest.faults.add(path, "stands without quotes, and kubectl reads it as true", 'write "on":')


def _is_policy(section: Section) -> bool:
    """Whether kind and version are ours; a fault if not."""
    kind, version = section.raw("kind"), section.raw("apiVersion")
    if kind != KIND:
        section.fault("kind", f"is {show(kind)}", f"only {KIND} and configuration files can be checked")
    if version != API_VERSION:
        section.fault("apiVersion", f"is {show(version)}", f"it must be {API_VERSION}")
    return kind == KIND and version == API_VERSION


def _read_metadata(section: Section) -> tuple[str, str]:
    """Name and namespace; all else in metadata belongs to the API server."""
    path: Path = section.at("metadata")
    value = section.raw("metadata")
    if not isinstance(value, dict):
        what = "is required" if "metadata" not in section else f"is {kind_of(value)}, not a mapping"
        section.faults.add(path, what, "give it a name: {name: orders}")
        return "", ""
    metadata = Section(value, path, section.faults)
    metadata.required("name", "a DNS subdomain such as orders")
    return metadata.text("name", dns_subdomain, ""), metadata.text("namespace", dns_label, "")
