"""A `SyncedGateway` that really calls an operator's sync port, over TLS, with a token."""

import asyncio
import ssl
from collections.abc import Callable

import httpx

from app.config.sync.message_codec import encode_request
from app.config.sync.messages import REPORT_PATH, SYNC_PATH, SyncRequest
from tests.fakes.synced_gateway import SyncedGateway

__all__ = ["Caller"]


class Caller:
    """`token()` is asked for every call. `on_applied` hears each sequence after the operator took it in.

    `server_name`: that the certificate must have where it is not the host of `url`, such as of a pod's address.
    `is_busy`: from a snapshot that came until then.
    """

    def __init__(
        self, gateway: SyncedGateway, url: str, token: Callable[[], str], ca: str, server_name: str = ""
    ) -> None:
        self.gateway, self._token = gateway, token
        self._extensions = {"sni_hostname": server_name} if server_name else {}
        context = ssl.create_default_context(cadata=ca)
        self._client = httpx.AsyncClient(base_url=url, verify=context, trust_env=False, timeout=40.0)
        self._task: asyncio.Task[None] | None = None
        self.is_busy = False
        self.on_applied: Callable[[SyncedGateway], None] = lambda _: None

    async def __aenter__(self) -> "Caller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pause()
        await self._client.aclose()

    def start(self) -> "Caller":
        """Polls until paused."""
        self._task = asyncio.ensure_future(self._poll())
        return self

    async def pause(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def call(self, path: str = SYNC_PATH, wait_s: int = 0) -> int:
        """One call and what follows from it; the answer's status."""
        return await self.say(self.gateway.request(wait_s), path)

    async def say(self, request: SyncRequest, path: str = SYNC_PATH, token: str | None = None) -> int:
        """A call as given, with another token if one is given."""
        headers = {"Authorization": f"Bearer {self._token() if token is None else token}"}
        answer = await self._client.post(
            path, content=encode_request(request), headers=headers, extensions=self._extensions
        )
        if answer.status_code == 200:
            self.gateway.take(answer.content)
        return answer.status_code

    async def report(self) -> int:
        return await self.call(REPORT_PATH)

    async def _poll(self) -> None:
        while True:
            try:
                status = await self.call(wait_s=25)
                if status == 200:
                    self.is_busy = True
                    await self.report()
                    self.on_applied(self.gateway)
                elif status != 204:
                    await asyncio.sleep(0.2)
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
            finally:
                self.is_busy = False
