"""Whether the installed version of Gateway API is one that we know (Gateway API v1.7.0: GatewayClassStatus, condition
SupportedVersion; its versioning guide, "Bundle Versions"). Pure.

Another version is served as far as it is alike: what an older one lacks nobody can ask for, and of a newer one we do
not know what is new.
"""

import re
from collections.abc import Mapping

from app.operator.kube.resources import Condition
from app.operator.routes.compiled import condition

__all__ = ["NEWEST", "OLDEST", "VERSION_ANNOTATION", "version_condition"]

VERSION_ANNOTATION = "gateway.networking.k8s.io/bundle-version"
"""Of every CustomResourceDefinition of a bundle."""

OLDEST = (1, 5)
"""The first with ListenerSet and ReferenceGrant at v1, CORS and client certificates in the standard channel."""
NEWEST = (1, 7)
"""The one that the conformance suite has run with."""

MAX_SHOWN = 40
_VERSION = re.compile(r"v([0-9]{1,4})\.([0-9]{1,4})\.[0-9]")


def version_condition(versions: Mapping[str, str]) -> Condition | None:
    """The condition SupportedVersion of a class. `versions`: what the annotation of each definition says, by the name
    of the definition; empty where it has none. None where no definition could be read, so that nobody knows.
    """
    if not versions:
        return None
    kinds_of: dict[str, list[str]] = {}
    for name, version in sorted(versions.items()):
        kinds_of.setdefault(version, []).append(name.partition(".")[0])
    wrong = [version for version in sorted(kinds_of) if not _is_supported(version)]
    if not wrong:
        message = f"Gateway API {', '.join(sorted(kinds_of))} is installed"
        return condition("SupportedVersion", True, "SupportedVersion", message)
    found = "; ".join(f"{_shown(version)} ({', '.join(kinds_of[version])})" for version in wrong)
    message = (
        f"supported are v{_spelled(OLDEST)} to v{_spelled(NEWEST)} of Gateway API, and installed is {found}: served "
        f"is what it has in common with them; install v{_spelled(NEWEST)}"
    )
    return condition("SupportedVersion", False, "UnsupportedVersion", message)


def _is_supported(version: str) -> bool:
    found = _VERSION.match(version)
    return found is not None and OLDEST <= (int(found[1]), int(found[2])) <= NEWEST


def _shown(version: str) -> str:
    return version[:MAX_SHOWN] if version else "one without a version"


def _spelled(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
