"""A Kubernetes API that gives answers written by hand, behind the real door (`operator/kube/client.py`)."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.config.kubeconfig import KubeConfig
from lightkube.config.models import Cluster as Server
from lightkube.config.models import User

from app.operator.kube.client import KubeClient

__all__ = ["Api", "cluster", "listed"]


class Api:
    """Answers by method and path: a body, a status code, an exception, or a list of those in turn.

    `asked` holds every request; `respond` answers them all instead, where it is set.
    """

    def __init__(self, responses: dict[tuple[str, str], Any]) -> None:
        self.responses = responses
        self.respond: Callable[[httpx2.Request], httpx2.Response] | None = None
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.respond is not None:
            return self.respond(request)
        response = self.responses.get((request.method, request.url.path), 404)
        if isinstance(response, list):
            response = response.pop(0)
        if isinstance(response, Exception):
            raise response
        if isinstance(response, int):
            status = {"kind": "Status", "code": response, "message": f"it says {response}"}
            return httpx2.Response(response, json=status)
        return httpx2.Response(200, json=response)

    def body(self) -> Any:
        return json.loads(self.asked[-1].content)


def cluster(responses: dict[tuple[str, str], Any], *, tries: int = 4) -> tuple[KubeClient, Api]:
    """In the namespace `shop`."""
    api = Api(responses)
    user = User(token="of-nobody")
    config = KubeConfig.from_one(cluster=Server("http://localhost:1"), user=user, namespace="shop")
    transport = httpx2.MockTransport(api)
    client = AsyncClient(config, namespace="shop", transport=transport, trust_env=False)
    return KubeClient(client, tries=tries, transport=transport), api


def listed(*items: Any) -> dict[str, Any]:
    return {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": list(items)}
