"""From bytes to plans that need only be bound; changes nothing, so any thread may do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.config.environment import EnvironmentRules
from app.config.hazards import find_hazards
from app.config.model import Config, KeyEntry
from app.config.parse import parse_config
from app.config.parse_keys import parse_keys
from app.config.resources import NO_RESOURCES, Resources
from app.config.source_file import read_source
from app.config.table import Table, compile_table
from app.dataplane.proxy.routes import Plans, plan_routes
from app.dataplane.upstream.upstream import Upstream
from app.errors import ConfigFault
from app.keys.keyring import Keyring
from app.policy.reading import spell
from app.routing.index import RouteIndex
from app.settings import Settings

if TYPE_CHECKING:
    from app.config.snapshot import Snapshot

__all__ = ["Inputs", "Prepared", "prepare"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a table is made from. `contents`: files by path; `known`: the last snapshot's policies, read."""

    contents: Mapping[str, bytes]
    snapshot: "Snapshot | None" = None
    known: Resources = NO_RESOURCES


@dataclass(frozen=True, slots=True)
class Prepared:
    """Compiled; nothing of it is in force yet. `contents`: its files; `warnings`: as `check` tells.

    `plans` are not bound; `upstreams`: by name, those known before among them.
    """

    contents: Mapping[str, bytes]
    keys_path: str | None
    plans: Plans
    upstreams: Mapping[str, Upstream]
    warnings: tuple[ConfigFault, ...] = ()


def prepare(
    settings: Settings,
    inputs: Inputs,
    sequence: int,
    wall_s: float,
    upstreams_of: Callable[[Table], Mapping[str, Upstream]],
) -> Prepared:
    """The table number `sequence`, planned; reads the keys file if `inputs` lack it. Raises ConfigFaults."""
    path, contents = settings.config_file, inputs.contents
    config = Config() if path is None else parse_config(contents[path], path)
    used = {} if path is None else {path: contents[path]}
    keys: tuple[KeyEntry, ...] = ()
    keys_path = config.keys_file
    if keys_path is not None:
        used[keys_path] = contents[keys_path] if keys_path in contents else read_source(keys_path)
        keys = parse_keys(used[keys_path], keys_path)
    rules = EnvironmentRules(
        cache_service_url=settings.cache_service_url,
        api_key=settings.api_key,
        auth=settings.auth,
        rate_limit=settings.rate_limit,
        pepper=settings.key_pepper,
    )
    resources = _resources(settings, inputs)
    table = compile_table(config, rules, sequence, keys, resources, wall_s)
    keyring = Keyring.build(table.keys, settings.key_pepper)
    index = RouteIndex([each.route for each in table.routes])
    hazards = find_hazards(config, raw_paths=settings.paths == "raw")
    warnings = hazards.as_config_faults(lambda found: f"{path}: {spell(found.path)}")
    plans = Plans(table, index, keyring, plan_routes(table))
    return Prepared(used, keys_path, plans, upstreams_of(table), warnings)


def _resources(settings: Settings, inputs: Inputs) -> Resources:
    if inputs.snapshot is None:
        return NO_RESOURCES
    from app.config.snapshot_merge import read_resources  # only who has a cluster pays for it

    return read_resources(
        inputs.snapshot,
        namespace=settings.pod_namespace,
        gateway=settings.gateway_name,
        known=inputs.known,
    )
