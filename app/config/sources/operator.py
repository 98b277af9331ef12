"""The link to the operator: long polls of `/v1/sync` and of what travels beside snapshots, short calls of `/v1/report`,
and of `/v1/summary` while somebody looks at the fleet; the adapter to httpx here.

The gateway connects, so nothing listens in a public pod. Each call says everything (who, what is applied, what
went wrong), so a lost one costs nothing. After a failure the next try waits with full jitter, 0.1 to 10 s, or until
another call shows that the operator is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from app.config.sources.newest_poll import WAIT_S, NewestPoll
from app.config.sync.message_codec import encode_request
from app.config.sync.messages import REPORT_PATH, SYNC_PATH, SyncRequest
from app.config.sync.snapshot import MAX_PACKED_BYTES, Snapshot, decode_to_keep
from app.config.sync.summary import SETTINGS_HEADER, SUMMARY_PATH, WATCH_HEADER, Summary
from app.config.sync.summary_codec import encode_summary
from app.config.sync.table_delta import DeltaFaults
from app.foundation.errors import ConfigFaults

if TYPE_CHECKING:
    import httpx

__all__ = ["SyncEnds", "SyncLink", "SyncTarget", "backoff_s", "watch_pace_s"]

LOG = logging.getLogger("tidegate.sync")

READ_MARGIN_S = 5.0
CONNECT_S = 5.0
COALESCE_S = 0.1
"""So many seconds of news make one report."""
FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.1, 10.0
SHORTEST_PACE_S, LONGEST_PACE_S = 1.0, 60.0
MAX_TOKEN_BYTES = 64 << 10

_UNAVAILABLE = ("connect", "timeout", "reset", "unavailable")
_STATUS_WORDS = {401: "unauthorized", 403: "forbidden", 409: "replayed", 413: "too_large", 503: "unavailable"}


@dataclass(frozen=True, slots=True)
class SyncTarget:
    """`token_file`, `ca_file`: looked at again for each call, as both are renewed.

    None: no token, the system's CAs.
    """

    url: str
    token_file: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class SyncEnds:
    """What the gateway gives and takes. All are called on the loop.

    `compose(wait_s)` makes a call's body; `held`: the snapshot that it says is applied; `on_reply`: that call got a
    reply. `take` puts a snapshot in force, or not, and returns when that is settled: whether it is in force.
    `on_bad_snapshot`: the bytes that are no snapshot, and why; `on_failure`: one word for each call that failed.
    `restart_session`: calls are rejected as replayed, so the next must come as another boot's. `summarize(digest)`
    makes a summary for an operator that holds the settings of that digest. `newest`: the polls beside `/v1/sync`.
    """

    compose: Callable[[int], SyncRequest]
    held: Callable[[], Snapshot | None]
    on_reply: Callable[[SyncRequest], None]
    take: Callable[[Snapshot], Awaitable[bool]]
    on_bad_snapshot: Callable[[bytes, str], None]
    on_failure: Callable[[str], None]
    restart_session: Callable[[], None]
    summarize: Callable[[str], Awaitable[Summary]]
    newest: tuple[NewestPoll[Any], ...] = ()


def watch_pace_s(said: str | None) -> float | None:
    """How far apart summaries are wanted (1 to 60 s), by the value of `Tidegate-Watch`; None: not at all."""
    try:
        pace_s = float(said or "")
    except ValueError:
        return None
    return None if math.isnan(pace_s) else min(max(pace_s, SHORTEST_PACE_S), LONGEST_PACE_S)


def backoff_s(failures: int, random_unit: float) -> float:
    """The wait after `failures` ≥ 1 in a row; `random_unit`: 0 ≤ … < 1."""
    most_s = min(LAST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(failures, 16))
    return max(FIRST_BACKOFF_S, random_unit * most_s)


class _Failed(Exception):
    """A call failed; `word` is the metric's label."""

    def __init__(self, word: str, detail: str) -> None:
        self.word, self.detail = word, detail
        super().__init__(f"{word}: {detail}")


class SyncLink:
    """`run` polls until cancelled; `wake` asks for a report soon."""

    def __init__(self, target: SyncTarget, ends: SyncEnds, random: Callable[[], float]) -> None:
        self._target, self._ends, self._random = target, ends, random
        self._news = asyncio.Event()
        self._watched = asyncio.Event()
        self._pace_s, self._settings_held = SHORTEST_PACE_S, ""
        self._client: httpx.AsyncClient | None = None
        self._connecting = asyncio.Lock()
        self._in_touch = asyncio.Event()
        self._ca_seen: object = None
        self._ca = b""
        self._logged = ""
        self._takes_deltas = True

    def wake(self) -> None:
        """There is something to report, which must not wait for the end of a poll."""
        self._news.set()

    async def run(self) -> None:
        """Never raises but when cancelled."""
        await asyncio.to_thread(_load_httpx)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(self._poll))
                tasks.create_task(self._repeat(self._report))
                tasks.create_task(self._repeat(self._summarize))
                for poll in self._ends.newest:
                    tasks.create_task(self._repeat(partial(self._poll_newest, poll)))
        finally:
            if self._client is not None:
                await self._client.aclose()

    async def _repeat(self, call: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            is_unavailable = False
            try:
                await call()
                failures = 0
                continue
            except _Failed as failed:
                is_unavailable = failed.word in _UNAVAILABLE
                self._log(failed, failures)
            except Exception:  # a fault of ours must not end the link for good
                self._ends.on_failure("internal")
                LOG.exception("the link to the control plane failed inside; it goes on")
            failures += 1
            await self._pause(backoff_s(failures, self._random()), is_unavailable=is_unavailable)

    async def _pause(self, most_s: float, *, is_unavailable: bool) -> None:
        """Shorter where the operator did not respond and another call of ours got a response."""
        back = self._in_touch if is_unavailable else asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await back.wait()

    async def _poll(self) -> None:
        held = self._ends.held() if self._takes_deltas else None
        request = replace(self._composed(WAIT_S), takes_deltas=held is not None)
        packed = await self._call(SYNC_PATH, encode_request(request), WAIT_S, MAX_PACKED_BYTES)
        self._ends.on_reply(request)
        if packed is not None:
            await self._take(packed, held)
        if self._logged:
            LOG.info("control plane: in touch again")
            self._logged = ""

    async def _take(self, packed: bytes, held: Snapshot | None) -> None:
        """Raises _Failed: asking again at once would bring the same one."""
        try:
            snapshot = await asyncio.to_thread(decode_to_keep, packed, held)
        except DeltaFaults as faults:  # it says nothing against this sequence yet
            self._takes_deltas = False
            raise _Failed("bad_delta", str(faults)) from None
        except ConfigFaults as faults:
            self._takes_deltas = False  # what cannot be read at all may be what is left of one
            self._ends.on_bad_snapshot(packed, str(faults))
            raise _Failed("bad_snapshot", str(faults)) from None
        self._takes_deltas = True
        if not await self._ends.take(snapshot):
            raise _Failed("not_taken", f"snapshot {snapshot.sequence} of {snapshot.lineage}")

    async def _report(self) -> None:
        await self._news.wait()
        await asyncio.sleep(COALESCE_S)
        self._news.clear()
        request = self._composed(0)
        try:
            await self._call(REPORT_PATH, encode_request(request))
        except _Failed:
            self._news.set()
            raise
        self._ends.on_reply(request)

    async def _poll_newest(self, poll: NewestPoll[Any]) -> None:
        try:
            await poll.poll(self._call)
        except ConfigFaults as faults:
            raise _Failed("bad_delta", str(faults)) from None

    def _composed(self, wait_s: int) -> SyncRequest:
        return replace(self._ends.compose(wait_s), sends_summaries=self._watched.is_set())

    async def _summarize(self) -> None:
        """One summary, and the wait for the next; none while nobody looks."""
        await self._watched.wait()
        summary = await self._ends.summarize(self._settings_held)
        await self._call(SUMMARY_PATH, encode_summary(summary))
        await asyncio.sleep(self._pace_s)

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Whether somebody looks, as every reply says, and which settings the operator holds."""
        pace_s = watch_pace_s(headers.get(WATCH_HEADER))
        self._settings_held = headers.get(SETTINGS_HEADER, self._settings_held)
        if pace_s is None:
            self._watched.clear()
        else:
            self._pace_s = pace_s
            self._watched.set()

    async def _call(self, path: str, body: bytes, wait_s: float = 0.0, most_bytes: int = 0) -> bytes | None:
        """The response's bytes, None for 204; `wait_s`: how long it may be parked. Raises _Failed."""
        import httpx

        headers = {"Content-Type": "application/json", **self._authorization()}
        timeout = httpx.Timeout(CONNECT_S, read=wait_s + READ_MARGIN_S)
        try:
            async with self._connecting:
                client = await self._connected()
            sending = client.stream("POST", path, content=body, headers=headers, timeout=timeout)
            async with _without_cycle(sending) as response:
                if response.status_code in (200, 204):
                    self._show_touch()
                    self._heed(response.headers)
                if response.status_code == 204:
                    return None
                if response.status_code != 200:
                    raise _Failed(
                        _STATUS_WORDS.get(response.status_code, "status"), f"status {response.status_code}"
                    )
                return await _read(response, most_bytes)
        except httpx.HTTPError as error:
            raise _Failed(_word(error), str(error) or type(error).__name__) from error

    def _show_touch(self) -> None:
        self._in_touch.set()
        self._in_touch = asyncio.Event()

    def _authorization(self) -> dict[str, str]:
        if self._target.token_file is None:
            return {}
        try:
            with open(self._target.token_file, encoding="ascii") as file:
                token = file.read(MAX_TOKEN_BYTES).strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "no text"
            raise _Failed("token", f"{self._target.token_file} cannot be read: {why}") from None
        return {"Authorization": f"Bearer {token}"}

    async def _connected(self) -> httpx.AsyncClient:
        """The client; a new one where the CA changed, which ends the calls of the old one.

        The kubelet makes its file anew with every snapshot, since both are in one ConfigMap.
        """
        seen = _file_state(self._target.ca_file)
        if self._client is not None and seen == self._ca_seen:
            return self._client
        import httpx

        try:
            ca = await asyncio.to_thread(_content, self._target.ca_file)
            if self._client is not None and ca == self._ca:
                self._ca_seen = seen
                return self._client
            context = await asyncio.to_thread(ssl.create_default_context, cafile=self._target.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise _Failed("ca", f"{self._target.ca_file} cannot be used: {error}") from None
        old, self._ca_seen, self._ca = self._client, seen, ca
        self._client = httpx.AsyncClient(
            base_url=self._target.url,
            verify=context,
            trust_env=False,
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=8),
        )
        if old is not None:
            await old.aclose()
        return self._client

    def _log(self, failed: _Failed, failures_before: int) -> None:
        """Each word once until the link works again."""
        self._ends.on_failure(failed.word)
        if failed.word == "replayed":
            if not failures_before:
                return  # a report has overtaken the poll that was composed before it
            self._ends.restart_session()  # a call of ours came late: the operator takes us for the old one
        if failed.word not in self._logged.split():
            self._logged += f" {failed.word}"
            LOG.warning("control plane: %s; the settings in force stay, and it is tried again", failed)


def _load_httpx() -> None:
    import httpx  # noqa: F401 - 0.1 s of imports, which requests must not wait for


@contextlib.asynccontextmanager
async def _without_cycle(
    sending: contextlib.AbstractAsyncContextManager[httpx.Response],
) -> AsyncIterator[httpx.Response]:
    """They refer to each other, a response and its stream: 5 KB of each call would wait for the collector."""
    async with sending as response:
        yield response
    del response.stream


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            raise _Failed("too_large", f"more than {most_bytes:,} bytes")
    return b"".join(parts)


def _word(error: httpx.HTTPError) -> str:
    """The most specific first."""
    import httpx

    words: tuple[tuple[type[httpx.HTTPError], str], ...] = (
        (httpx.ConnectTimeout, "connect"),
        (httpx.TimeoutException, "timeout"),
        (httpx.ConnectError, "connect"),
        (httpx.TransportError, "reset"),
    )
    return next((word for kind, word in words if isinstance(error, kind)), "http")


def _content(path: str | None) -> bytes:
    if path is None:
        return b""
    with open(path, "rb") as file:
        return file.read()


def _file_state(path: str | None) -> object:
    if path is None:
        return ()
    try:
        kept = os.stat(path)
    except OSError:
        return None
    return (kept.st_ino, kept.st_mtime_ns, kept.st_size, os.path.realpath(path))
