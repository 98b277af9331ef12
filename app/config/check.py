"""`tidegate check FILE…`: every fault and hazard of configuration files and policy manifests, offline.

A file may hold several manifests; a manifest is told by its `apiVersion` or `kind`. What the gateway would
not find here (an unset secret, a `keysFile` that is not on this machine) counts as good.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.config.credentials import read_secret
from app.config.environment import EnvironmentRules
from app.config.hazards import find_hazards
from app.config.model import Config, KeyEntry
from app.config.parsing.config_file import read_config
from app.config.parsing.keys import parse_keys
from app.config.sources.file import read_source
from app.config.table import compile_table
from app.foundation.errors import ConfigFault, ConfigFaults
from app.policy.merge import find_conflicts
from app.policy.model import Policy
from app.policy.parse import read_spec
from app.policy.schema import API_VERSION, KIND
from app.schema.document import Document, load_documents
from app.schema.faults import Faults, Path
from app.schema.names import dns_label, dns_subdomain
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["API_VERSION", "KIND", "Findings", "check_paths"]

_BARE_ON = re.compile(r"""^(?:[^#"'\n]*[\s{,])?on\s*:(?:\s|$)""", re.MULTILINE)
_MANIFEST_KEYS = ("apiVersion", "kind", "metadata", "spec", "status")


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with files, and what is valid but dangerous; both in the files' order."""

    faults: tuple[ConfigFault, ...]
    warnings: tuple[ConfigFault, ...] = ()


class _Manifests:
    """The policies read so far, by namespace, each with the place of its document."""

    def __init__(self) -> None:
        self.by_namespace: dict[str, list[tuple[Policy, str]]] = {}

    def add(self, namespace: str, policy: Policy, place: str) -> str | None:
        """The place of an earlier policy of the same name, if there is one."""
        policies = self.by_namespace.setdefault(namespace, [])
        for other, other_place in policies:
            if other.name == policy.name:
                return other_place
        policies.append((policy, place))
        return None

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


def check_paths(paths: Sequence[str], env: Mapping[str, str] | None = None) -> Findings:
    """All findings in the files; none if all are good. `env`: as for the gateway."""
    env = {} if env is None else env
    environment = _environment(env)
    raw_paths = env.get("PATHS", "").lower() == "raw"
    faults: list[ConfigFault] = []
    warnings: list[ConfigFault] = []
    manifests = _Manifests()
    for path in dict.fromkeys(paths):
        try:
            documents = load_documents(read_source(path), path)
            for document in documents:
                found = _check_document(document, len(documents), environment, manifests, raw_paths)
                faults.extend(found.faults)
                warnings.extend(found.warnings)
        except ConfigFaults as unreadable:
            faults.extend(unreadable.faults)
    faults.extend(manifests.conflicts())
    # what is wrong with a variable is so for every file
    return Findings(tuple(dict.fromkeys(faults)), tuple(dict.fromkeys(warnings)))


def _environment(env: Mapping[str, str]) -> EnvironmentRules:
    """What `env` says; an unset secret is taken as one that is set where the gateway runs."""
    plain = EnvironmentRules()
    return EnvironmentRules(
        cache_service_url=env.get("CACHE_SERVICE_URL") or plain.cache_service_url,
        api_key=env.get("API_KEY") or "set-elsewhere",
        auth=env.get("AUTH") or plain.auth,
        rate_limit=env.get("RATE_LIMIT") or plain.rate_limit,
        pepper=b"set-elsewhere",
    )


def _check_document(
    document: Document,
    documents: int,
    environment: EnvironmentRules,
    manifests: _Manifests,
    raw_paths: bool,
) -> Findings:
    faults = Faults(document.found)
    value = document.value
    if value is None and documents > 1:
        return Findings(())  # what `---` at the start or end of a file of manifests leaves
    if isinstance(value, dict) and ("apiVersion" in value or "kind" in value):
        _check_manifest(document, faults, manifests)
        return Findings(document.located(faults))
    if documents > 1:
        what = f"document {document.index + 1} of {documents} is a configuration"
        faults.add((), what, "give it a file of its own, without lines that are only ---")
    config = Config() if value is None else read_config(value, faults)
    if located := document.located(faults):
        return Findings(located)
    hazards = document.located(find_hazards(config, raw_paths=raw_paths))
    return Findings(_compile_faults(config, environment), hazards)


def _compile_faults(config: Config, environment: EnvironmentRules) -> tuple[ConfigFault, ...]:
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
        compile_table(config, environment, 0, keys)
    except ConfigFaults as found:
        faults.extend(found.faults)
    return tuple(faults)


def _check_manifest(document: Document, faults: Faults, manifests: _Manifests) -> None:
    section = Section.open(document.value, (), _MANIFEST_KEYS, faults)
    if section is None or not _is_policy(section):
        return
    faults_before = len(faults)
    name, namespace = _read_metadata(section)
    if not section.required("spec", "targetRefs and at least one stanza"):
        return
    spec = read_spec(section.raw("spec"), section.at("spec"), faults)
    _check_bare_on(document, section)
    if len(faults) > faults_before:
        return
    first = manifests.add(namespace, Policy(name, spec), f"{document.source}: {KIND} {name}")
    if first is not None:
        faults.add(("metadata", "name"), f"repeats {name} (first: {first})", "give each policy its own name")


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
