"""A check of an endpoint by `grpc.health.v1`, as a request that `check_request` sends."""

from typing import Final

from app.config.model import Endpoint, HealthCheck
from app.dataplane.codec.body import RequestBody
from app.dataplane.codec.credential import Credential, put_credential
from app.dataplane.codec.field_lines import Field
from app.dataplane.codec.grpc import NO_STATUS, timeout_value, trailers_status
from app.dataplane.codec.grpc_health import PATH, check_request, is_serving
from app.dataplane.codec.request_head import RequestHead
from app.dataplane.codec.response import ResponseHead
from app.dataplane.upstream.check_request import StatusReceiver

__all__ = ["HealthReceiver", "health_body", "health_head"]

_MAX_BODY_BYTES: Final = 16_384
_SERVING: Final = 200
_NOT_SERVING: Final = 503


def health_head(endpoint: Endpoint, check: HealthCheck, credential: Credential | None) -> RequestHead:
    lines = (
        b"user-agent: tidegate-check\r\ncontent-type: application/grpc\r\nte: trailers\r\ngrpc-timeout: %b\r\n"
        % timeout_value(check.timeout_s)
    )
    if credential is not None:
        lines = put_credential(lines, credential)
    return RequestHead(b"POST", PATH, endpoint.authority.encode(), [lines], -1, False)


def health_body(check: HealthCheck) -> RequestBody:
    """What asks for the service of `check`, whole."""
    body = RequestBody(-1)
    body.add(check_request(check.grpc_service or ""))
    body.end([])
    return body


class HealthReceiver(StatusReceiver):
    """The status is 200 where the service is serving, else that of HTTP, 503 or 0."""

    def __init__(self) -> None:
        super().__init__()
        self._body = b""

    def on_response_head(self, head: ResponseHead) -> bool:
        if head.status != 200:
            self.settle(head.status)
        elif head.grpc_status != NO_STATUS:
            self.settle(_NOT_SERVING)  # without a message it says nothing of the service
        return not self.status.done()

    def on_response_body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) > _MAX_BODY_BYTES:
            self.settle(_NOT_SERVING)

    def on_response_end(self, data: bytes, trailers: list[Field], reusable: bool) -> None:
        self.on_response_body(data)
        is_good = trailers_status(trailers) == 0 and is_serving(self._body)
        self.settle(_SERVING if is_good else _NOT_SERVING)
