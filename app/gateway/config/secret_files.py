"""Secrets of the environment that stand in files: API_KEY_FILE and its like, taken over when they change."""

import logging
from collections.abc import Callable, Coroutine

from app.dataplane.proxy.context import ProxyContext
from app.foundation.errors import ConfigFaults
from app.gateway.config.configuration import Configuration
from app.gateway.limits import LimitStore
from app.settings import renew_secrets

__all__ = ["SecretFiles"]

LOG = logging.getLogger("tidegate.config")


class SecretFiles:
    """Whoever needs a secret reads it from the runtime's settings, which are replaced as a whole."""

    def __init__(
        self,
        runtime: ProxyContext,
        configuration: Configuration,
        limits: LimitStore,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._runtime = runtime
        self._configuration = configuration
        self._limits = limits
        self._spawn = spawn

    def changed(self, path: str, content: bytes | ConfigFaults) -> None:
        """`path` holds another secret from now on; a faulty file leaves the last good one."""
        runtime, store = self._runtime, None
        try:
            if isinstance(content, ConfigFaults):
                raise content
            settings = renew_secrets(runtime.settings, path, content)
            redis_url = settings.redis_url
            if redis_url is not None and redis_url != runtime.settings.redis_url:
                store = self._limits.open(redis_url)
        except ConfigFaults as faults:
            for fault in faults.faults:
                LOG.error("secret not taken over, the last good one stays: %s", fault)
            return
        LOG.info("secret taken over (%s changed)", path)
        runtime.settings = settings
        if store is not None:
            self._spawn(self._limits.use(store))
        self._configuration.renew(settings, path, content)
