"""gRPC by its own library: a server with calls of all four kinds, and a client of them. Messages are plain bytes.

    with GrpcUpstream() as up, GrpcClient(port) as client:
        reply = client.unary(b"hello")

Both live in threads of the library; a coroutine calls the client by `asyncio.to_thread`.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Any, Self

os.environ.setdefault(
    "GRPC_ENABLE_FORK_SUPPORT", "0"
)  # else each process that a test starts is a line in its log
import grpc

__all__ = ["CALLS", "HEALTH", "MAX_MESSAGE_BYTES", "GrpcClient", "GrpcUpstream", "Metadata", "Outcome"]

CALLS = "test.Calls"
HEALTH = "/grpc.health.v1.Health/Check"
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
WAIT_S = 30.0
"""For what must come soon, on a busy machine."""

Metadata = Sequence[tuple[str, str | bytes]]
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
)


class GrpcUpstream:
    """`calls`: each call's method, metadata and seconds it was given, in order. `peers`: whom they came from.

    Calls: `Unary`, `ServerStream`, `ClientStream` and `Bidi` send back what came; `Fail` and `FailLate` end with the
    status that the message names (`FailLate` after a message of its own); `Hang` until the caller leaves (`left`);
    `Stall` reads nothing before `resumed`.
    `failures`: so many calls of `Unary` end with UNAVAILABLE before any message. `healths`: by service, whether it is
    serving; of others the check says NOT_FOUND.
    """

    def __init__(
        self, tls: tuple[bytes, bytes] | None = None, options: Sequence[tuple[str, int]] = ()
    ) -> None:
        """`tls`: key and certificate chain (PEM). `options`: more of the library's."""
        self.peers: set[str] = set()
        self.calls: list[tuple[str, dict[str, str | bytes], float | None]] = []
        self.failures = 0
        self.healths: dict[str, bool] = {"": True}
        self.left = Event()
        self.resumed = Event()
        self.taken_bytes = 0
        self._lock = Lock()
        self._server = grpc.server(ThreadPoolExecutor(16), options=(*_OPTIONS, *options))
        self._server.add_generic_rpc_handlers([_handlers(self)])
        address = "127.0.0.1:0"
        if tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, grpc.ssl_server_credentials([tls]))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait(WAIT_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, method: str) -> list[tuple[str, dict[str, str | bytes], float | None]]:
        return [call for call in self.calls if call[0] == method]

    # Calls

    def begin(self, method: str, context: Any) -> None:
        """Note it, and send back the metadata that begin with `x-`."""
        given = {each.key: each.value for each in context.invocation_metadata()}
        with self._lock:
            self.calls.append((method, given, context.time_remaining()))
            self.peers.add(context.peer())
        echoed = tuple((name, value) for name, value in given.items() if name.startswith("x-echo"))
        if echoed:
            context.send_initial_metadata(echoed)
            context.set_trailing_metadata(tuple((f"x-trailing-{name[2:]}", value) for name, value in echoed))

    def unary(self, message: bytes, context: Any) -> bytes:
        self.begin("Unary", context)
        with self._lock:
            fails, self.failures = self.failures > 0, max(0, self.failures - 1)
        if fails:
            context.abort(grpc.StatusCode.UNAVAILABLE, "try again: 50 % of é")
        return message

    def fail(self, message: bytes, context: Any) -> bytes:
        self.begin("Fail", context)
        context.abort(grpc.StatusCode[message.decode()], "as it was asked to")
        return b""

    def fail_late(self, message: bytes, context: Any) -> Iterator[bytes]:
        self.begin("FailLate", context)
        yield b"first"
        context.abort(grpc.StatusCode[message.decode()], "as it was asked to")

    def hang(self, _message: bytes, context: Any) -> bytes:
        gone = Event()
        context.add_callback(gone.set)
        self.begin("Hang", context)
        if gone.wait(WAIT_S):
            self.left.set()
        return b""

    def server_stream(self, message: bytes, context: Any) -> Iterator[bytes]:
        """`message`: how many messages of how many bytes, such as `3x1024`."""
        self.begin("ServerStream", context)
        count, _, size = message.decode().partition("x")
        for _ in range(int(count)):
            yield bytes(int(size))
            with self._lock:
                self.taken_bytes += int(size)

    def client_stream(self, messages: Iterable[bytes], context: Any) -> bytes:
        self.begin("ClientStream", context)
        return b"".join(messages)

    def stall(self, messages: Iterable[bytes], context: Any) -> bytes:
        """Reads nothing until `resumed`; says how many bytes came then."""
        self.begin("Stall", context)
        self.resumed.wait(WAIT_S)
        return b"%d" % sum(len(message) for message in messages)

    def bidi(self, messages: Iterable[bytes], context: Any) -> Iterator[bytes]:
        self.begin("Bidi", context)
        yield from messages

    def check(self, request: bytes, context: Any) -> bytes:
        self.begin("Check", context)
        service = request[2:].decode()
        if service not in self.healths:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return b"\x08\x01" if self.healths[service] else b"\x08\x02"


def _handlers(upstream: GrpcUpstream) -> Any:
    one, many_out = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    by_path = {
        f"/{CALLS}/Unary": one(upstream.unary),
        f"/{CALLS}/Fail": one(upstream.fail),
        f"/{CALLS}/Hang": one(upstream.hang),
        f"/{CALLS}/FailLate": many_out(upstream.fail_late),
        f"/{CALLS}/ServerStream": many_out(upstream.server_stream),
        f"/{CALLS}/ClientStream": grpc.stream_unary_rpc_method_handler(upstream.client_stream),
        f"/{CALLS}/Stall": grpc.stream_unary_rpc_method_handler(upstream.stall),
        f"/{CALLS}/Bidi": grpc.stream_stream_rpc_method_handler(upstream.bidi),
        HEALTH: one(upstream.check),
    }

    class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # the library has no types
        def service(self, details: Any) -> Any:
            return by_path.get(details.method)

    return Handlers()


class Outcome:
    """What became of a unary call. `initial`, `trailing`: metadata."""

    def __init__(self, call: Any, reply: bytes | None) -> None:
        self.reply = reply
        self.code: str = call.code().name
        self.details: str = call.details() or ""
        self.initial: dict[str, str | bytes] = {
            each.key: each.value for each in call.initial_metadata() or ()
        }
        self.trailing: dict[str, str | bytes] = {
            each.key: each.value for each in call.trailing_metadata() or ()
        }


class GrpcClient:
    """Of a gateway on loopback. `timeout_s` of a call: what it sends as grpc-timeout."""

    def __init__(self, port: int, ca: bytes | None = None) -> None:
        """`ca`: PEM of the authority; without it in clear."""
        target = f"127.0.0.1:{port}"
        if ca is None:
            self.channel = grpc.insecure_channel(target, options=_OPTIONS)
        else:
            self.channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca), options=_OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def unary(
        self,
        message: bytes,
        method: str = "Unary",
        *,
        timeout_s: float | None = WAIT_S,
        metadata: Metadata = (),
        path: str = "",
    ) -> Outcome:
        ask = self.channel.unary_unary(path or f"/{CALLS}/{method}")
        try:
            reply, call = ask.with_call(message, timeout=timeout_s, metadata=tuple(metadata))
        except grpc.RpcError as error:
            return Outcome(error, None)
        return Outcome(call, reply)

    def server_stream(
        self, message: bytes, method: str = "ServerStream", *, timeout_s: float | None = WAIT_S
    ) -> Any:
        """An iterator over the replies, with `cancel`, `code` and so on."""
        return self.channel.unary_stream(f"/{CALLS}/{method}")(message, timeout=timeout_s)

    def client_stream(
        self, messages: Iterator[bytes], method: str = "ClientStream", *, timeout_s: float | None = WAIT_S
    ) -> bytes:
        reply: bytes = self.channel.stream_unary(f"/{CALLS}/{method}")(messages, timeout=timeout_s)
        return reply

    def bidi(self, messages: Iterator[bytes], timeout_s: float | None = WAIT_S) -> Any:
        return self.channel.stream_stream(f"/{CALLS}/Bidi")(messages, timeout=timeout_s)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """In a thread."""
    deadline_s = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline_s, f"{what} did not happen"
        time.sleep(0.005)
