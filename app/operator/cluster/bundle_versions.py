"""Which version of Gateway API is installed: its definitions, read by name from time to time."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from app.foundation.errors import ClusterError
from app.operator.cluster.world_view import WorldView
from app.operator.kube.kinds import DEFINITION, GATEWAY_API_DEFINITIONS, Kind
from app.operator.kube.object_client import ObjectKey
from app.operator.routes.bundle_version import VERSION_ANNOTATION

__all__ = ["LOOK_S", "BundleVersions", "DefinitionApi"]

LOG = logging.getLogger("tidegate.operator")

LOOK_S = 300.0
"""A new version comes with an installation, which nobody does often."""


class DefinitionApi(Protocol):
    """What an `ObjectClient` does; raises ClusterError."""

    async def get(self, kind: Kind, key: ObjectKey, version: str = "v1") -> Mapping[str, Any]: ...


class BundleVersions:
    """Keeps those of `view` up to date; calls `on_change` after each change of them."""

    def __init__(self, api: DefinitionApi, view: WorldView, on_change: Callable[[], None]) -> None:
        self._api, self._view, self._on_change = api, view, on_change

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Reads all of them. While the API server does not reply, what is known stays; without the right to read them,
        nothing is known.
        """
        found: dict[str, str] = {}
        for name in GATEWAY_API_DEFINITIONS:
            try:
                body = await self._api.get(DEFINITION, ("", name))
            except ClusterError as error:
                if error.code == 404:
                    continue  # a release that does not have the kind
                if error.code not in (401, 403):
                    LOG.debug("looked for the version of Gateway API: %s", error)
                    return
                LOG.debug("the version of Gateway API is not known: %s", error)
                found = {}
                break
            found[name] = _version(body)
        if found != self._view.bundle_versions:
            self._view.bundle_versions = found
            self._on_change()


def _version(body: Mapping[str, Any]) -> str:
    annotations = body["metadata"].get("annotations") or {}
    return str(annotations.get(VERSION_ANNOTATION) or "")
