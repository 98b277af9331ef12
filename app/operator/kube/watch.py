"""The adapter of kopf: it notices that something changed. Nothing else of kopf is used.

kopf runs in a thread and a loop of its own, since it cancels every task that its loop got after its start.
Its events only trigger a round; the truth is always a full list. It writes no finalizer, annotation or result.
A watch that dies ends the thread, and with it the operator.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, Protocol

import kopf

from app.operator.kube.resources import selected_labels
from app.policy.kind import GROUP, PLURAL, VERSION

__all__ = ["Watch", "WatchListener"]

_BACKOFFS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_INACTIVITY_S = 70.0
_GRACE_S = 0.5  # kopf itself takes 5 s where it is stopped amid its start
_STOP_S = 5.0
_IDLE_S = 0.05


class _EndlessBackoffs:
    """kopf gives up after the last one, but an API server may be unavailable for longer than any list of them."""

    def __iter__(self) -> Iterator[float]:
        yield from _BACKOFFS_S
        while True:
            yield _BACKOFFS_S[-1]


class WatchListener(Protocol):
    """What a watch reports to; it calls from its own thread."""

    def on_change(self, kind: str) -> None:
        """Something changed; `kind`: `policy` or `slice`."""

    def on_relist(self) -> None:
        """A watch broke and starts again from a list."""

    def on_end(self, error: BaseException | None) -> None:
        """Once: the watch is over, and `error` ended it."""


class Watch:
    """Watches policies and EndpointSlices of `namespace`; None: of all namespaces.

    `selector`: labels of the slices that count, those of gateways; all others change far more often.
    """

    def __init__(self, namespace: str | None, selector: str, listener: WatchListener) -> None:
        self._namespace, self._listener = namespace, listener
        self._labels = selected_labels(selector).items()
        self._slices: set[str] = set()
        self._stop = threading.Event()
        self._generations: dict[str, int] = {}
        self._listed: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends it within a second; returns at once."""
        self._stop.set()

    def join(self) -> None:
        """Waits for that end."""
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._operate())
        except BaseException as caught:
            error = caught
        self._listener.on_end(error)

    async def _operate(self) -> None:
        """Until it is stopped; raises what ends kopf before."""
        stopping = asyncio.ensure_future(asyncio.to_thread(self._stop.wait))
        operating = asyncio.ensure_future(self._run_kopf())
        try:
            await asyncio.wait((operating, stopping), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((operating,), timeout=_GRACE_S)
            operating.cancel()
            await asyncio.wait((operating,))
            if not operating.cancelled():
                operating.result()
        finally:
            self._stop.set()  # threads wait for it, and the loop for them

    async def _run_kopf(self) -> None:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(_login)
        kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)(self._policy_event)
        kopf.on.event("discovery.k8s.io", "v1", "endpointslices", registry=registry)(self._slice_event)
        where: dict[str, Any] = {"clusterwide": True}
        if self._namespace is not None:
            where = {"namespaces": [self._namespace]}
        # else kopf asks for the user's name, which a container's user lacks; its NewType is not public
        identity: Any = "tidegate-operator"
        await kopf.operator(
            registry=registry,
            settings=_settings(),
            standalone=True,
            identity=identity,
            stop_flag=self._stop,
            **where,
        )

    async def _policy_event(self, type: str | None, body: kopf.Body, **_: Any) -> None:
        metadata = body["metadata"]
        uid, generation = metadata["uid"], metadata.get("generation", 0)
        self._note_list(type, uid)
        if type == "DELETED" or metadata.get("deletionTimestamp"):
            self._generations.pop(uid, None)
        elif self._generations.get(uid) == generation:
            return  # only its status or its labels changed, mostly by our own writes
        else:
            self._generations[uid] = generation
        self._listener.on_change("policy")

    async def _slice_event(self, type: str | None, body: kopf.Body, **_: Any) -> None:
        metadata = body["metadata"]
        uid, labels = metadata["uid"], metadata.get("labels") or {}
        self._note_list(type, uid)
        counted, counts = uid in self._slices, type != "DELETED" and self._labels <= labels.items()
        if counts:
            self._slices.add(uid)
        else:
            self._slices.discard(uid)
        if counts or counted or type is None:  # what a list lacks may be ours
            self._listener.on_change("slice")

    def _note_list(self, type: str | None, uid: str) -> None:
        """A list (its events have no type) names an object that an earlier one named: a watch started again."""
        if type is not None:
            return
        if uid in self._listed:
            self._listed.clear()
            self._listener.on_relist()
        self._listed.add(uid)


def _login(**options: Any) -> kopf.ConnectionInfo | None:
    """As lightkube: the pod's service account (its token is read again when it expired), then KUBECONFIG."""
    return kopf.login_with_service_account(**options) or kopf.login_with_kubeconfig(**options)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True  # else it lists namespaces and CRDs, for which the Role has no right
    settings.posting.enabled = False
    # No limit to the workers. There is one for each object, and it idles before it ends; with a limit, events
    # of further objects would wait for that (with 4 workers and kopf's 5 s an edit took 5 s and more).
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = _IDLE_S
    settings.watching.inactivity_timeout = _INACTIVITY_S
    settings.networking.error_backoffs = _EndlessBackoffs()
    settings.networking.connect_timeout = 10.0
    settings.networking.request_timeout = 30.0
    settings.process.ultimate_exiting_timeout = None
    return settings
