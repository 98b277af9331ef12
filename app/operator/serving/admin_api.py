"""The operator's admin port: `/livez`, `/readyz`, `/metrics`, `/v1/instances`, `/v1/targets`,
`/v1/attachments/NAME`, and the fleet's page.

The page is at `/monitor/` and asks for `/v1/fleet` again and again. It names nothing by an absolute path, so it also
works below the path of the API server's proxy. Plain ASGI, reads only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Protocol

import orjson

from app.admin.pages import FEED_PATH, PAGE_PATH, Page
from app.admin.probes import page_reply
from app.foundation.asgi import Receive, Scope, Send
from app.foundation.reply import Reply, problem, reply, send_reply
from app.operator.serving.instance_shapes import instance_shape, instant
from app.operator.sync.fleet import InstanceView, KnownTargets

__all__ = ["ATTACHMENT_PATH", "AdminApi", "AdminView"]

ATTACHMENT_PATH = "/v1/attachments/"
"""Behind it the name of an object of the cluster, such as `httproute/shop/web`."""


class AdminView(Protocol):
    """What the port shows."""

    def missing(self) -> list[str]:
        """What the operator waits for before it is ready; empty if it is."""

    def wall_s(self) -> float:
        """The operator's clock, so that ages are right where the viewer's differs."""

    def sequence(self) -> int:
        """That of the snapshot that is served; 0 without one."""

    def instances(self) -> Iterable[InstanceView]: ...

    def fleet(self) -> Mapping[str, object]:
        """What all gateways do now; asks them to report on it for a while."""

    def policy_name(self, uid: str) -> str | None:
        """`NAMESPACE/NAME` of the policy with that UID; None for one that is gone."""

    def targets(self) -> Mapping[str, KnownTargets]:
        """What policies may name, by namespace."""

    def attachment(self, name: str) -> Mapping[str, object]:
        """What an object of the cluster hangs together with, by its name in `app/policy/objects.py`."""

    def metrics(self) -> tuple[str, bytes]:
        """Content type and body."""


class AdminApi:
    """The ASGI application. `page`: None for one of its own."""

    def __init__(self, view: AdminView, page: Page | None = None) -> None:
        self._view = view
        self._page = page or Page(index="fleet.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if path == PAGE_PATH:
            await send_reply(send, method, _to_page(scope.get("query_string", b"")))
        elif path != FEED_PATH and self._page.serves(path):
            await send_reply(send, method, page_reply(self._page, scope))
        else:
            await send_reply(send, method, self._respond(method, path))

    def _respond(self, method: str, path: str) -> Reply:
        if method not in ("GET", "HEAD"):
            return problem(405, f"{path} is read with GET", ((b"allow", b"GET, HEAD"),))
        view = self._view
        match path:
            case "/livez":
                return _json(200, {"status": "ok"})
            case "/readyz":
                missing = view.missing()
                state = "unready" if missing else "ok"
                return _json(503 if missing else 200, {"status": state, "missing": missing})
            case "/metrics":
                content_type, body = view.metrics()
                return reply(200, content_type.encode(), body)
            case "/v1/fleet":
                return _json(200, view.fleet())
            case "/v1/instances":
                rows = [instance_shape(one, view.policy_name) for one in view.instances()]
                now = instant(view.wall_s())
                return _json(200, {"sequence": view.sequence(), "now": now, "instances": rows})
            case "/v1/targets":
                return _json(200, {name: _names(known) for name, known in view.targets().items()})
        if path.startswith(ATTACHMENT_PATH):
            return _json(200, view.attachment(path.removeprefix(ATTACHMENT_PATH)))
        return problem(404, "nothing is served under this path")


def _to_page(query: bytes) -> Reply:
    """To where its files are found by relative paths."""
    place = b"monitor/" + (b"?" + query if query else b"")
    return reply(307, b"text/plain", b"see " + place, ((b"location", place),))


def _names(known: KnownTargets) -> dict[str, list[str]]:
    return {kind: sorted(names) for kind, names in asdict(known).items()}


def _json(status: int, value: object) -> Reply:
    return reply(status, b"application/json", orjson.dumps(value))
