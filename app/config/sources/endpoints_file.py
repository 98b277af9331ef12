"""The gateway's own copy of where endpoints are: a restarted one sends requests before the operator responds.

It is written beside traffic, at most once a second, and replaced as a whole, so no reader ever sees a part of it.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from app.config.sync.newest import Addresses, Delta
from app.config.sync.newest_codec import ENDPOINTS, MAX_DELTA_BYTES, decode_delta, encode_delta
from app.foundation.errors import ConfigFaults

__all__ = ["EndpointsFile", "read_endpoints"]

LOG = logging.getLogger("tidegate.sync")

PAUSE_S: Final = 1.0


def read_endpoints(path: str) -> Delta[Addresses] | None:
    """What the copy holds; None where there is none. One that cannot be read is logged, and counts for none."""
    try:
        with open(path, "rb") as file:
            return decode_delta(ENDPOINTS, file.read(MAX_DELTA_BYTES + 1))
    except FileNotFoundError:
        return None
    except (OSError, ConfigFaults) as error:
        LOG.error("the copy of endpoints in %s cannot be used: %s", path, error)
        return None


class EndpointsFile:
    """`whole` gives all endpoints as they are now."""

    def __init__(self, path: str, whole: Callable[[], Delta[Addresses]]) -> None:
        self._path, self._whole = path, whole
        self._is_stale = asyncio.Event()
        self._has_failed = False

    def changed(self) -> None:
        """Write it soon."""
        self._is_stale.set()

    async def run(self) -> None:
        """Until cancelled. A disk that takes nothing is logged once: the gateway works without a copy."""
        while True:
            await self._is_stale.wait()
            self._is_stale.clear()
            try:
                await asyncio.to_thread(_write, self._path, self._whole())
                self._has_failed = False
            except (OSError, ConfigFaults) as error:
                if not self._has_failed:
                    LOG.error("no copy of endpoints can be kept in %s: %s", self._path, error)
                self._has_failed = True
            await asyncio.sleep(PAUSE_S)


def _write(path: str, whole: Delta[Addresses]) -> None:
    beside = f"{path}.new"
    with open(beside, "wb") as file:
        file.write(encode_delta(ENDPOINTS, whole))
    os.replace(beside, path)
