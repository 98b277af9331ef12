"""One operator process from start to exit: cluster, certificate, two ports, the loop, the watch, signals."""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from app.foundation.errors import ClusterError, StartFault
from app.foundation.logs import configure_logs
from app.foundation.version import VERSION
from app.operator.kube.client import KubeClient, connect_kube
from app.operator.kube.watch import Watch
from app.operator.metrics import OperatorCounts, Reading, render
from app.operator.reconciler import Reconciler, WatchScope
from app.operator.serving.admin_api import AdminApi
from app.operator.serving.ports import ADMIN_BOUNDS, SYNC_BOUNDS, Serving
from app.operator.settings import OperatorSettings
from app.operator.sync.api import SyncApi
from app.operator.sync.fleet import InstanceView, KnownTargets
from app.operator.sync.tls import FileTls, Port, load_own_ca_tls
from app.operator.sync.tokens import Tokens

__all__ = ["run_operator"]

LOG = logging.getLogger("tidegate.operator")

T = TypeVar("T")

_TALKATIVE = ("httpx2", "httpcore2", "kopf", "aiohttp")  # a line for every request, or more
_AGAIN_S = 2.0
_INSTANCE_STATES = ("applied", "pending", "rejected", "stale")


def run_operator(settings: OperatorSettings) -> int:
    """Until SIGTERM: 0; 1 if the watch died. Raises StartFault."""
    configure_logs(settings.log_level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for warning in settings.warnings:
        LOG.warning("%s", warning)
    return asyncio.run(_run(settings))


async def _run(settings: OperatorSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    cluster = connect_kube(settings.namespace)
    operator = Operator(settings, cluster, stop)
    try:
        return await operator.run()
    finally:
        await cluster.close()


class Operator:
    """Everything of one process; `inside` of the admin port."""

    def __init__(self, settings: OperatorSettings, cluster: KubeClient, stop: asyncio.Event) -> None:
        self._settings, self._cluster, self._stop = settings, cluster, stop
        self._counts = OperatorCounts()
        self._control: Reconciler | None = None
        self._is_syncing = False
        self._watch_error: BaseException | None = None
        self._serving = Serving()

    async def run(self) -> int:
        """Until `stop` is set; the exit code."""
        settings = self._settings
        admin_port = await self._serving.open(
            AdminApi(self), settings.admin_host, settings.admin_port, ADMIN_BOUNDS
        )
        LOG.info("tidegate operator %s, admin port %d", VERSION, admin_port)
        port = await self._until_it_answers(self._port)
        if port is None:
            await self._end()
            return 0
        namespace = None if settings.all_namespaces else self._cluster.namespace
        where = WatchScope(namespace or "*", settings.gateway_selector, settings.snapshot_configmap)
        control = self._control = Reconciler(self._cluster, where, port.ca, self._counts)
        tokens = Tokens(self._cluster, settings.service_accounts, self._cluster.namespace)
        sync = SyncApi(control, tokens)
        sync_port = await self._serving.open(sync, settings.sync_host, settings.sync_port, SYNC_BOUNDS, port)
        self._is_syncing = True
        LOG.info("gateways sync at port %d; policies of %s", sync_port, namespace or "all namespaces")
        return await self._until_something_ends(
            control.run(), port.keep_fresh(), self._watch(control, namespace), self._stopped()
        )

    async def _until_something_ends(self, *parts: Coroutine[Any, Any, None]) -> int:
        """The exit code: 0 if it is the part that waits for the signal, 1 if one failed."""
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        failed = [error for task in done if (error := task.exception()) is not None]
        for error in failed:
            LOG.error("the operator ends: %s", error, exc_info=error)
        await self._end()
        await asyncio.wait(tasks)
        return 1 if failed else 0

    async def _stopped(self) -> None:
        await self._stop.wait()

    async def _port(self) -> Port:
        settings = self._settings
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            return FileTls(settings.tls_cert_file, settings.tls_key_file)
        names = settings.sync_names or _service_names(self._cluster.namespace)
        return await load_own_ca_tls(self._cluster, settings.sync_ca_secret, names)

    async def _until_it_answers(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Waits for an API server that is away; None if the process is to end. Raises StartFault."""
        while not self._stop.is_set():
            try:
                return await ask()
            except ClusterError as error:
                if error.code in (401, 403, 404):
                    fix = "apply the chart's roles and objects, or name others in the environment"
                    raise StartFault(f"{error}; {fix}") from error
                LOG.error("asking again in %.0f s: %s", _AGAIN_S, error)
            try:
                async with asyncio.timeout(_AGAIN_S):
                    await self._stop.wait()
            except TimeoutError:
                pass
        return None

    async def _watch(self, control: Reconciler, namespace: str | None) -> None:
        """kopf, once the kind is known to exist (it never looks for it again); ends when it ends."""
        while not control.has_listed:  # noqa: ASYNC110 - at start only
            await asyncio.sleep(0.05)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_end(error: BaseException | None) -> None:
            self._watch_error = error or StartFault("kopf ended by itself")
            loop.call_soon_threadsafe(ended.set)

        def on_relist() -> None:
            self._counts.watch_restarts += 1

        watch = Watch(namespace, control.trigger, on_relist, on_end)
        watch.start()
        try:
            await ended.wait()
        finally:
            watch.stop()
            await asyncio.to_thread(watch.join)
        raise StartFault(f"the watch died: {self._watch_error}")

    async def _end(self) -> None:
        """Answers parked polls, closes the ports."""
        if self._control is not None:
            self._control.end_polls()
        await self._serving.close()
        LOG.info("ended")

    # the inside of the admin port

    def unready(self) -> list[str]:
        missing = []
        if not self._is_syncing:
            missing.append("the sync port is not open yet")
        if self._control is None or not self._control.has_listed:
            missing.append("no list of policies completed yet")
        if self._stop.is_set():
            missing.append("it is ending")
        return missing

    def sequence(self) -> int:
        snapshot = None if self._control is None else self._control.snapshot
        return 0 if snapshot is None else snapshot.sequence

    def instances(self) -> Iterable[InstanceView]:
        return () if self._control is None else self._control.instances()

    def targets(self) -> Mapping[str, KnownTargets]:
        return {} if self._control is None else self._control.targets()

    def metrics(self) -> tuple[str, bytes]:
        control = self._control
        states = Counter(one.state for one in self.instances() if one.is_required)
        reading = Reading(
            sequence=self.sequence(),
            snapshot_bytes=0 if control is None else control.packed_size(),
            policies=0 if control is None else control.policies,
            instances={state: states[state] for state in _INSTANCE_STATES},
        )
        return render(self._counts, reading)


def _service_names(namespace: str) -> tuple[str, ...]:
    """The Service that the chart makes by its default names, and this machine."""
    service = "tidegate-operator"
    return (
        service,
        f"{service}.{namespace}",
        f"{service}.{namespace}.svc",
        f"{service}.{namespace}.svc.cluster.local",
        "localhost",
        "127.0.0.1",
    )
