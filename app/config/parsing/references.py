"""Whether what a configuration file names is in it: upstreams, listeners, certificates."""

from collections.abc import Collection, Iterator

from app.config.model import Config
from app.schema.faults import BadValue, Faults, Path
from app.schema.names import dns_subdomain
from app.schema.section import Section
from app.schema.wording import nearest

__all__ = ["check_known", "check_references"]


def check_references(section: Section, config: Config, upstreams: Collection[str]) -> None:
    """Every well-formed name of an upstream, listener or certificate must be known; `section`: the whole file."""
    faults = section.faults
    if config.routes is not None:
        listeners = {one.name for one in config.listeners}
        for path, route in _mappings(section.raw("routes"), ("routes",)):
            for place, name in _destinations(route, path):
                check_known(faults, place, "upstream", name, upstreams)
            for place, name in _texts(route.get("listeners"), (*path, "listeners")):
                check_known(faults, place, "listener", name, listeners)
    certificates = {one.name for one in config.certificates}
    for path, listener in _mappings(section.raw("listeners"), ("listeners",)):
        for place, name in _texts(listener.get("certificates"), (*path, "certificates")):
            check_known(faults, place, "certificate", name, certificates)
    for upstream in config.upstreams:
        if (shown := upstream.tls.client_certificate) is not None:
            place = ("upstreams", upstream.name, "tls", "clientCertificate")
            check_known(faults, place, "certificate", shown, certificates)


def check_known(faults: Faults, path: Path, kind: str, name: str, known: Collection[str]) -> None:
    """A fault at `path` where `name` is a good one, but none of `known`; a bad one is noted where it is read."""
    if name in known:
        return
    try:
        dns_subdomain(name)
    except BadValue:
        return
    fix = "" if faults.is_full else _cure(kind, name, known)
    faults.add(path, f"names the unknown {kind} {name}", fix)


def _cure(kind: str, name: str, known: Collection[str]) -> str:
    if near := nearest(name, known):
        return f"did you mean {near}?"
    return f"add the {kind}, or use one of {', '.join(sorted(known)[:10])}" if known else f"add the {kind}"


def _destinations(route: dict[str, object], path: Path) -> Iterator[tuple[Path, str]]:
    value = route.get("upstream")
    if isinstance(value, str):
        yield (*path, "upstream"), value
    for key, named in (("upstream", "name"), ("mirror", "upstream")):
        for place, item in _mappings(route.get(key), (*path, key)):
            if isinstance(name := item.get(named), str):
                yield (*place, named), name


def _mappings(value: object, path: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield (*path, index), item


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield (*path, index), item
