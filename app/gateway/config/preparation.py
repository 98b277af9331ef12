"""From bytes to plans that need only be bound; changes nothing, so any thread may do it."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.admin.pages import PAGE_PATH
from app.config import model
from app.config.credentials import read_secret
from app.config.environment import EnvironmentRules
from app.config.model import Config, KeyEntry, Route
from app.config.resources import NO_RESOURCES, Resources
from app.config.sources.file import read_source
from app.config.table import Table, compile_table
from app.dataplane.codec.credential import Credential
from app.dataplane.proxy.routes import Plans, plan_routes
from app.dataplane.upstream.upstream import Upstream
from app.foundation.errors import ConfigFault, ConfigFaults
from app.gateway.config.listener_files import NO_LISTENER_FILES, ListenerFiles, read_listener_files
from app.keys.keyring import Keyring
from app.routing.index import RouteIndex
from app.routing.listener_routes import PortRoutes, are_attached_alike, listener_routes
from app.settings import Settings

if TYPE_CHECKING:
    from app.config.sync.snapshot import Snapshot

__all__ = ["Inputs", "Prepared", "prepare"]

LOG = logging.getLogger("tidegate.config")
_NO_FILE: Final = Config()


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a table is made from. `contents`: files by path; `last`: what is in force, of which what did not change
    serves on."""

    contents: Mapping[str, bytes]
    snapshot: "Snapshot | None" = None
    last: "Prepared | None" = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Compiled, not in force yet. `contents`: its files; `warnings`: those of `tidegate check`. `wall_s`: the moment
    that dates were compared with; `snapshot`: the cluster's policies in it.

    `plans` are not bound; `upstreams`: by name, those known before among them; `credentials`: for those of
    these names. `listener_files`: what listeners' certificates are read from. `config`: what the configuration file
    says.
    """

    contents: Mapping[str, bytes]
    plans: Plans
    upstreams: Mapping[str, Upstream]
    credentials: Mapping[str, Credential]
    warnings: tuple[ConfigFault, ...] = ()
    wall_s: float = 0.0
    snapshot: "Snapshot | None" = None
    listener_files: ListenerFiles = NO_LISTENER_FILES
    config: Config = _NO_FILE

    @property
    def certificates_in_use(self) -> Iterator[str]:
        """Names of those that listeners show to clients, and that the gateway shows to upstreams."""
        table = self.plans.table
        for listener in table.listeners:
            yield from listener.certificates
        for upstream in table.upstreams.values():
            if upstream.tls.client_certificate is not None:
                yield upstream.tls.client_certificate

    def log_warnings(self) -> None:
        for warning in self.warnings:
            LOG.warning("valid, but dangerous: %s", warning)


def prepare(
    settings: Settings,
    inputs: Inputs,
    sequence: int,
    wall_s: float,
    upstreams_of: Callable[[Table], Mapping[str, Upstream]],
) -> Prepared:
    """The table number `sequence`, planned; reads the keys file if `inputs` lack it. Raises ConfigFaults."""
    path, contents = settings.config_file, inputs.contents
    config = _NO_FILE if path is None else _read(path, contents[path], inputs.last)
    used = {} if path is None else {path: contents[path]}
    keys: tuple[KeyEntry, ...] = ()
    keys_path = config.keys_file
    if keys_path is not None:
        used[keys_path] = contents[keys_path] if keys_path in contents else read_source(keys_path)
        from app.config.parsing.keys import parse_keys

        keys = parse_keys(used[keys_path], keys_path)
    rules = EnvironmentRules(
        cache_service_url=settings.cache_service_url,
        api_key=settings.api_key,
        auth=settings.auth,
        rate_limit=settings.rate_limit,
        pepper=settings.key_pepper,
        cache_credential=_cache_credential(settings),
    )
    resources = _resources(settings, inputs)
    last = None if inputs.last is None else inputs.last.plans
    known = None if last is None else last.table
    table = compile_table(config, rules, sequence, keys, resources, wall_s, known)
    keyring = Keyring.build(table.keys, settings.key_pepper)
    routes = [each.route for each in table.routes]
    index = RouteIndex([route for route in routes if not route.listeners])
    ports = _ports(table, routes, last)
    warnings = () if path is None else _warnings(path, config, raw_paths=settings.paths == "raw")
    landing = PAGE_PATH.encode() if "monitor" in settings.expose else b""
    credentials = _credentials(settings, table, contents, used)
    files = read_listener_files(config.certificates, config.listeners, contents, used)
    upstreams = upstreams_of(table)
    plans = Plans(table, index, keyring, plan_routes(table, last, upstreams), landing, ports, upstreams)
    return Prepared(used, plans, upstreams, credentials, warnings, wall_s, inputs.snapshot, files, config)


def _read(path: str, content: bytes, last: Prepared | None) -> Config:
    """The file in force is not read again when an object of the cluster changed. Raises ConfigFaults."""
    if last is not None and last.contents.get(path) == content:
        return last.config
    from app.config.parsing.config_file import parse_config  # 0.8 MiB, for those who have a file

    return parse_config(content, path)


def _warnings(path: str, config: Config, *, raw_paths: bool) -> tuple[ConfigFault, ...]:
    from app.config.hazards import find_hazards
    from app.schema.faults import spell

    hazards = find_hazards(config, raw_paths=raw_paths)
    return hazards.as_config_faults(lambda found: f"{path}: {spell(found.path)}")


def _ports(table: Table, routes: Sequence[Route], last: Plans | None) -> Mapping[int, PortRoutes]:
    if last is None:
        return listener_routes(table.listeners, routes)
    before = [each.route for each in last.table.routes]
    if last.table.listeners == table.listeners and are_attached_alike(before, routes):
        return last.ports
    return listener_routes(table.listeners, routes, last.ports)


def _cache_credential(settings: Settings) -> model.Credential | None:
    if settings.cache_token is None and settings.cache_token_file is None:
        return None
    return model.Credential(settings.cache_token_file)


def _credentials(
    settings: Settings, table: Table, contents: Mapping[str, bytes], used: dict[str, bytes]
) -> dict[str, Credential]:
    """By the upstream's name; files go into `used`. Raises ConfigFaults with those of all of them."""
    credentials = {}
    faults: list[ConfigFault] = []
    for name, upstream in table.upstreams.items():
        if upstream.credential is None:
            continue
        try:
            secret = _secret(settings, upstream.credential.file, contents, used)
        except ConfigFaults as unreadable:
            faults.extend(unreadable.faults)
            continue
        value = f"{upstream.credential.scheme} {secret}".lstrip()
        credentials[str(name)] = Credential(upstream.credential.header.encode(), value.encode())
    if faults:
        raise ConfigFaults(dict.fromkeys(faults))
    return credentials


def _secret(
    settings: Settings, path: str | None, contents: Mapping[str, bytes], used: dict[str, bytes]
) -> str:
    if path is None:
        return settings.cache_token or ""
    if path not in used:
        used[path] = contents[path] if path in contents else read_source(path)
    return read_secret(used[path], path)


def _resources(settings: Settings, inputs: Inputs) -> Resources:
    if inputs.snapshot is None:
        return NO_RESOURCES
    from app.config.sync.snapshot_policies import read_resources  # only who has a cluster pays for it

    return read_resources(
        inputs.snapshot,
        namespace=settings.pod_namespace,
        gateway=settings.gateway_name,
        known=NO_RESOURCES if inputs.last is None else inputs.last.plans.table.resources,
    )
