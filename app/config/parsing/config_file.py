"""Text of a configuration file to a Config: strict, all faults at once, each with file, line and field path.

`tidegate check` and the gateway share it. What needs the environment is judged by `table.py`.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from app.config.model import BUILT_IN_ROUTE, CACHE_UPSTREAM, Config
from app.config.parsing.addresses import plain_text
from app.config.parsing.keys import read_keys
from app.config.parsing.listeners import read_certificates, read_listeners
from app.config.parsing.references import check_known, check_references
from app.config.parsing.routes import read_routes
from app.config.parsing.upstreams import read_upstreams
from app.policy.merge import find_conflicts
from app.policy.model import Policy, TargetKind
from app.policy.parse import read_spec
from app.schema.document import load_document
from app.schema.faults import Faults, Path
from app.schema.names import dns_subdomain
from app.schema.section import Section

__all__ = ["CONFIG_KEYS", "parse_config", "read_config", "target_names"]

CONFIG_KEYS = ("upstreams", "routes", "policies", "keys", "keysFile", "listeners", "certificates")


def parse_config(text: bytes, source: str) -> Config:
    """The configuration in `text`; `source` names it in faults. Raises ConfigFaults with all its faults."""
    document = load_document(text, source)
    faults = Faults(document.found)
    config = Config() if document.value is None else read_config(document.value, faults)
    document.raise_any(faults)
    return config


def read_config(value: object, faults: Faults) -> Config:
    """As `parse_config`, for a value already read; the result counts only if nothing was noted."""
    section = Section.open(value, (), CONFIG_KEYS, faults)
    if section is None:
        return Config()
    config = Config(
        upstreams=read_upstreams(section),
        routes=read_routes(section),
        keys=read_keys(section),
        keys_file=section.text("keysFile", plain_text, None),
        listeners=read_listeners(section),
        certificates=read_certificates(section),
    )
    if "keys" in section and "keysFile" in section:
        section.fault("keysFile", "stands beside keys", "keep one of the two: move the keys into the file")
    upstream_names = target_names([config], TargetKind.UPSTREAM)
    route_names = target_names([config], TargetKind.ROUTE)
    check_references(section, config, upstream_names)
    policies = _read_policies(section, route_names, upstream_names)
    return replace(config, policies=policies)


def target_names(configs: Iterable[Config], kind: TargetKind) -> set[str]:
    """The routes or upstreams that a policy may name in `configs`; none of other kinds."""
    names: set[str] = set()
    for config in configs:
        if kind is TargetKind.ROUTE:
            names.update([BUILT_IN_ROUTE] if config.routes is None else [one.name for one in config.routes])
        elif kind is TargetKind.UPSTREAM:
            names.update([CACHE_UPSTREAM, *(upstream.name for upstream in config.upstreams)])
    return names


def _read_policies(
    config: Section, routes: Collection[str], upstreams: Collection[str]
) -> tuple[Policy, ...]:
    faults = config.faults
    policies: dict[str, Policy] = {}
    places: list[Path] = []
    for path, item in config.items("policies"):
        section = Section.open(item, path, ("name", "spec"), faults)
        if section is None:
            continue
        section.required("name", "a DNS subdomain such as defaults")
        name = section.text("name", dns_subdomain, f"{path[-1]}?")
        if name in policies:
            section.fault("name", f"repeats {name}", "each policy must have its own name")
            continue
        if not section.required("spec", "targetRefs and at least one stanza"):
            continue
        faults_before = len(faults)
        policy = Policy(name, read_spec(section.raw("spec"), section.at("spec"), faults))
        if len(faults) > faults_before:
            continue
        _check_targets(section, policy, routes, upstreams)
        policies[name] = policy
        places.append(path)
    kept = tuple(policies.values())
    for conflict in find_conflicts(kept, one_gateway=True):
        winner, loser = kept[conflict.winner].name, kept[conflict.loser].name
        what = f"of policy {loser} conflicts with policy {winner}: both set it for {conflict.target}"
        faults.add((*places[conflict.loser], "spec", conflict.stanza), what, "keep one of the two")
    return kept


def _check_targets(
    policy: Section, read: Policy, routes: Collection[str], upstreams: Collection[str]
) -> None:
    known = {TargetKind.ROUTE: routes, TargetKind.UPSTREAM: upstreams}
    for index, target in enumerate(read.spec.targets):
        path = (*policy.at("spec"), "targetRefs", index)
        if target.is_object:
            fix = "name a Route, an Upstream or the Gateway here; a ResiliencePolicy in the cluster names objects"
            policy.faults.add((*path, "kind"), f"is {target.kind}, an object of a cluster", fix)
        elif target.kind in known and target.name is not None:
            name = (*path, "name")
            check_known(policy.faults, name, target.kind.lower(), target.name, known[target.kind])
