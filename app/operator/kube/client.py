"""The adapter of lightkube: the calls that the operator makes to the Kubernetes API, and no others.

Every failure is a ClusterError (code 0: no response). Reads are retried for a few seconds; writes are not, since
a caller must read again before it writes again.
"""

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import httpx2
import stamina
from lightkube import AsyncClient
from lightkube.config.client_adapter import AsyncClient as connect
from lightkube.config.client_adapter import ConnectionParams, user_auth, verify_cluster
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.authentication_v1 import TokenReviewSpec
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.authentication_v1 import TokenReview
from lightkube.resources.core_v1 import ConfigMap, Event, Secret
from lightkube.types import PatchType

from app.config.sync.messages import AUDIENCE
from app.foundation.errors import ClusterError, StartFault
from app.operator.kube.event_aggregator import EventPost
from app.operator.kube.failures import mapped, response_error
from app.operator.kube.kinds import CONFIG_MAP
from app.operator.kube.object_client import ObjectClient
from app.operator.kube.resources import PolicyObject, Stored, TokenBearer, read_policy, selected_labels
from app.policy.kind import GROUP, KIND, PLURAL, VERSION

__all__ = ["ApiServer", "KubeClient", "connect_kube"]

MANAGER = "tidegate-operator"
TRIES = 4
TIMEOUT_S = 10.0
_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_PASSING = frozenset({0, 429, 500, 502, 503, 504})

_Policy = create_namespaced_resource(GROUP, VERSION, KIND, PLURAL)
_Slice = create_namespaced_resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")


def connect_kube(namespace: str | None, *, tries: int = TRIES) -> "KubeClient":
    """By the pod's service account, KUBECONFIG or ~/.kube/config; `namespace` None: the configuration's.

    `tries`: of each read. Raises StartFault where there is no usable configuration. Makes no request yet.
    """
    try:
        client = AsyncClient(namespace=namespace, field_manager=MANAGER, timeout=httpx2.Timeout(TIMEOUT_S))
    except (ConfigError, OSError, ValueError, AssertionError) as error:
        cause = str(error) or type(error).__name__
        raise StartFault(f"no cluster to talk to: {cause}; set KUBECONFIG or run in a pod") from error
    except Exception as error:  # lightkube and its YAML reader raise anything for a malformed file
        cause = f"{type(error).__name__}: {error}"
        raise StartFault(
            f"no cluster to talk to: the file of KUBECONFIG is no client configuration ({cause}); "
            "`kubectl config view` must show clusters, contexts, users and a current-context"
        ) from error
    return KubeClient(client, tries=tries)


@dataclass(frozen=True, slots=True)
class ApiServer:
    """What a WebSocket to the API server takes; `tls`: None where the server speaks plain HTTP."""

    websocket_url: str
    tls: ssl.SSLContext | None
    headers: Mapping[str, str] = field(repr=False)


class KubeClient:
    """The Kubernetes API as the operator uses it; `namespace`: its own.

    `transport`: instead of the network, for requests that lightkube does not make itself.
    """

    def __init__(
        self, client: AsyncClient, *, tries: int = TRIES, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._client, self._tries, self._transport = client, tries, transport
        self._direct: httpx2.AsyncClient | None = None
        self.namespace: str = client.namespace

    async def policies(self, namespace: str) -> list[PolicyObject]:
        """All that are not being deleted, no older than this call; `*`: of all namespaces."""
        found = []
        async for attempt in self._retries():
            with attempt, mapped("list", "resiliencepolicies"):
                found = [body async for body in self._client.list(_Policy, namespace=namespace)]
        return [policy for body in found if (policy := read_policy(body)) is not None]

    async def slices(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        """EndpointSlices whose labels match `selector` (`key=value,…`)."""
        labels: dict[str, Any] = {**selected_labels(selector)}
        found: list[Mapping[str, Any]] = []
        async for attempt in self._retries():
            with attempt, mapped("list", "endpointslices"):
                found = [body async for body in self._client.list(_Slice, namespace=namespace, labels=labels)]
        return found

    async def write_status(self, policy: PolicyObject, status: Mapping[str, Any]) -> PolicyObject | None:
        """The policy as stored now; None if it is gone. Code 409: somebody wrote it since it was read."""
        # Replaced as a whole: a merge patch would leave behind what a nested part no longer says.
        whole: Any = _Policy.Status(
            metadata=ObjectMeta(
                name=policy.name, namespace=policy.namespace, resourceVersion=policy.resource_version
            ),
            spec=policy.spec,
            status=status,
        )
        with mapped("write the status of", f"{policy.namespace}/{policy.name}"):
            replaced: Any = await self._client.replace(whole, policy.name, namespace=policy.namespace)
        return read_policy(replaced)

    async def read_configmap(self, name: str) -> Stored:
        """`data` and `binaryData` together, as bytes."""
        async for attempt in self._retries():
            with attempt, mapped("read", f"configmap {name}"):
                found = await self._client.get(ConfigMap, name)
        data = {key: text.encode() for key, text in (found.data or {}).items()}
        binary = {key: base64.b64decode(text) for key, text in (found.binaryData or {}).items()}
        return _stored(found.metadata, data | binary)

    async def write_configmap(
        self, name: str, read: Stored, binary: Mapping[str, bytes], texts: Mapping[str, str]
    ) -> Stored:
        """Compare-and-swap: 409 if it changed since `read`. What it holds now."""
        body = {
            "metadata": _metadata(name, read).to_dict(),
            "binaryData": {key: base64.b64encode(content).decode() for key, content in binary.items()},
            "data": dict(texts),
        }
        replaced = await self.objects().replace(CONFIG_MAP, (self.namespace, name), body)
        metadata = cast(ObjectMeta, ObjectMeta.from_dict(dict(replaced)))
        data = {key: text.encode() for key, text in texts.items()}
        return _stored(metadata, data | dict(binary))

    async def read_secret(self, name: str) -> Stored:
        async for attempt in self._retries():
            with attempt, mapped("read", f"secret {name}"):
                found = await self._client.get(Secret, name)
        data = {key: base64.b64decode(text) for key, text in (found.data or {}).items()}
        return replace(_stored(found.metadata, data), kind=found.type)

    async def write_secret(self, name: str, read: Stored, data: Mapping[str, bytes]) -> None:
        """Compare-and-swap: 409 if it changed since `read`."""
        coded = {key: base64.b64encode(content).decode() for key, content in data.items()}
        with mapped("write", f"secret {name}"):
            await self._client.replace(Secret(metadata=_metadata(name, read), data=coded, type=read.kind))

    async def post_event(self, post: EventPost) -> None:
        """Creates the Event, or brings its count up to date. 404: it is gone, make a new one."""
        with mapped("post an event in", post.namespace):
            if post.is_new:
                await self._client.create(_event(post))
                return
            change = {
                "count": post.count,
                "lastTimestamp": _instant(post.last_wall_s).isoformat(),
                "message": post.notice.message,
            }
            await self._client.patch(
                Event, post.name, change, namespace=post.namespace, patch_type=PatchType.MERGE
            )

    async def review(self, token: str) -> TokenBearer | None:
        """Whose pod's token it is; None if it is not valid for the sync port."""
        spec = TokenReviewSpec(token=token, audiences=[AUDIENCE])
        async for attempt in self._retries():
            with attempt, mapped("review", "a token"):
                reviewed = await self._client.create(TokenReview(spec=spec))
        status = reviewed.status
        if status is None or not status.authenticated or AUDIENCE not in (status.audiences or ()):
            return None
        user = status.user
        username = "" if user is None else user.username or ""
        extra = {} if user is None else user.extra or {}
        namespace, _, account = username.removeprefix(_SERVICE_ACCOUNT).partition(":")
        if not username.startswith(_SERVICE_ACCOUNT) or _POD_UID not in extra:
            return None
        return TokenBearer(namespace, account, extra[_POD_NAME][0], extra[_POD_UID][0])

    async def ask_pod(self, namespace: str, pod: str, port: int, path: str) -> Any:
        """The JSON of a pod's response, through the API server (needs `get` on `pods/proxy`). One try."""
        return await self._get_json(
            f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}",
            f"pod {pod} for {path}",
        )

    async def api_server(self) -> ApiServer:
        """For what lightkube does not do itself; with the user's credentials of this moment. Raises ClusterError."""
        config = self._client.config
        url = httpx2.URL(config.cluster.server)
        request = httpx2.Request("GET", url)
        with mapped("log in to", "the cluster"):
            auth = user_auth(config.user)
            if auth is not None:
                flow = auth.async_auth_flow(request)
                request = await anext(flow)
                await flow.aclose()
            is_secure = url.scheme == "https"
            user = config.user or User()
            tls = verify_cluster(config.cluster, user, config.abs_file) if is_secure else None
        given = request.headers.get("Authorization")
        place = str(url.copy_with(scheme="wss" if is_secure else "ws")).rstrip("/")
        return ApiServer(place, tls, {} if given is None else {"Authorization": given})

    async def has_namespace(self, name: str) -> bool | None:
        """None where the user lacks the right to look."""
        try:
            await self._get_json(f"/api/v1/namespaces/{name}", f"for namespace {name}")
        except ClusterError as error:
            if error.code == 404:
                return False
            if error.code == 403:
                return None
            raise
        return True

    async def _get_json(self, path: str, what: str) -> Any:
        with mapped("ask", what):
            response = await self._connected().get(path)
            if response.is_error:
                raise response_error("ask", what, response)
            return response.json()

    def objects(self) -> ObjectClient:
        """Calls for any kind, with bodies as plain JSON."""
        return ObjectClient(self._connected())

    def _connected(self) -> httpx2.AsyncClient:
        """One for all requests: each new one costs a TLS handshake, and a run of the user's credential plugin."""
        if self._direct is None:
            params = ConnectionParams(timeout=httpx2.Timeout(TIMEOUT_S), transport=self._transport)  # type: ignore[arg-type]
            self._direct = connect(self._client.config, params)
        return self._direct

    def _retries(self) -> AsyncIterator[Any]:
        return stamina.retry_context(
            on=_is_passing, attempts=self._tries, timeout=15.0, wait_initial=0.1, wait_max=3.0
        )

    async def close(self) -> None:
        try:
            if self._direct is not None:
                await self._direct.aclose()
        finally:
            await self._client.close()


def _is_passing(error: Exception) -> bool:
    return isinstance(error, ClusterError) and error.code in _PASSING


def _stored(metadata: ObjectMeta | None, data: Mapping[str, bytes]) -> Stored:
    known = metadata or ObjectMeta()
    kept = {
        "labels": known.labels,
        "annotations": known.annotations,
        "ownerReferences": known.ownerReferences,
    }
    return Stored(known.resourceVersion or "", data, kept)


def _metadata(name: str, read: Stored) -> ObjectMeta:
    return ObjectMeta(name=name, resourceVersion=read.version, **read.metadata)


def _event(post: EventPost) -> Event:
    policy = post.policy
    return Event(
        metadata=ObjectMeta(name=post.name, namespace=post.namespace),
        involvedObject=ObjectReference(
            apiVersion=f"{GROUP}/{VERSION}",
            kind=KIND,
            namespace=policy.namespace,
            name=policy.name,
            uid=policy.uid,
        ),
        reason=post.notice.reason,
        message=post.notice.message,
        type="Warning" if post.notice.is_warning else "Normal",
        source=EventSource(component=MANAGER),
        reportingComponent=MANAGER,
        count=post.count,
        firstTimestamp=_instant(post.first_wall_s),
        lastTimestamp=_instant(post.last_wall_s),
    )


def _instant(wall_s: float) -> datetime:
    return datetime.fromtimestamp(int(wall_s), UTC)
