"""Secrets of the environment that come from files (API_KEY_FILE and the like), taken over when the files change."""

import logging

from app.foundation.errors import ConfigFaults
from app.gateway.config.reloads import Reloads
from app.gateway.in_force import InForce
from app.gateway.limits import LimitStore
from app.gateway.tasks import Tasks
from app.settings import renew_secrets

__all__ = ["SecretFiles"]

LOG = logging.getLogger("tidegate.config")


class SecretFiles:
    """Readers of a secret take it from the settings in force, which are replaced as a whole."""

    def __init__(self, in_force: InForce, reloads: Reloads, limits: LimitStore, tasks: Tasks) -> None:
        self._in_force = in_force
        self._reloads = reloads
        self._limits = limits
        self._tasks = tasks

    def changed(self, path: str, content: bytes | ConfigFaults) -> None:
        """The file at `path` has changed: use the secret in it, or keep the last good one where it is invalid."""
        in_force, store = self._in_force, None
        try:
            if isinstance(content, ConfigFaults):
                raise content
            settings = renew_secrets(in_force.settings, path, content)
            redis_url = settings.redis_url
            if redis_url is not None and redis_url != in_force.settings.redis_url:
                store = self._limits.open(redis_url)
        except ConfigFaults as faults:
            for fault in faults.faults:
                LOG.error("secret not taken over, the last good one stays: %s", fault)
            return
        LOG.info("secret taken over (%s changed)", path)
        in_force.settings = settings
        if store is not None:
            self._tasks.spawn(self._limits.use(store))
        self._reloads.renew_secrets(settings, path, content)
