"""The upstreams behind the contestants: one for each protocol, and one that is dead."""

import json
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Mapping

from tests.bench.comparison import processes
from tests.bench.comparison.launches import nginx_argv
from tests.bench.comparison.plain_http import fetch
from tests.fakes.process import free_ports

__all__ = [
    "ANSWER",
    "GRPC_PATH",
    "LARGE",
    "MESSAGE",
    "POSTED",
    "SMALL",
    "DeadUpstream",
    "start_grpc_upstream",
    "start_upstream",
]

SMALL = json.dumps({"id": 1, "name": "item", "text": "a" * 211})
POSTED, ANSWER, LARGE = 10 * 1024, 1024, 1024 * 1024
MESSAGE = (
    b"\0" + (248).to_bytes(4) + b"m" * 248
)  # a gRPC message: not compressed, length, 248 bytes of protobuf
GRPC_PATH = "/bench.Items/Get.grpc"  # nghttpd finds the type of what it serves by a suffix
_PATIENCE_S = 5.0


def start_upstream(core: int) -> Mapping[str, int]:
    """The ports of an nginx that responds to all that the scenarios ask for, by protocol: "http1", "h2"."""
    folder = processes.workdir() / "upstream"
    http1, http2 = free_ports(2)
    (folder / "files").mkdir(parents=True)
    (folder / "files/large").write_bytes(b"x" * LARGE)
    locations = f"""root {folder}/files;
  location / {{ return 200 '{SMALL}'; }}
  location = /post {{ return 200 '{"b" * ANSWER}'; }}
  location = /echo {{ return 200 '$http_x_request_id|$http_x_forwarded_for|$http_x_api_key'; }}
  location = /large {{ }}"""
    (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log crit;
worker_rlimit_nofile 20000;
events {{ worker_connections 15000; }}
http {{ access_log off; server_tokens off; keepalive_requests 1000000000; sendfile on;
 default_type application/json;
 server {{ listen 127.0.0.1:{http1} backlog=4096; {locations} }}
 server {{ listen 127.0.0.1:{http2} http2 backlog=4096; {locations} }} }}""")
    processes.Proc(nginx_argv(folder, str(folder / "nginx.conf")), core, subprocess.DEVNULL)
    _wait_until_up(http1, SMALL)
    return {"http1": http1, "h2": http2}


def start_grpc_upstream(core: int) -> int:
    """The port of an nghttpd that responds to a unary call with a message, and `grpc-status: 0` as trailer."""
    folder = processes.workdir() / "grpc"
    (folder / "bench.Items").mkdir(parents=True)
    (folder / GRPC_PATH.lstrip("/")).write_bytes(MESSAGE)
    (folder / "item").write_text(SMALL)
    (folder / "types").write_text("application/grpc grpc\n")
    (port,) = free_ports(1)
    words = ["--no-tls", "--address", "127.0.0.1", "-d", str(folder), "--trailer", "grpc-status: 0"]
    words += [f"--mime-types-file={folder / 'types'}", str(port)]
    processes.Proc(["nghttpd", *words], core, subprocess.DEVNULL)
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return port
    raise RuntimeError("nghttpd, the upstream of gRPC, did not start")


def _wait_until_up(port: int, body: str) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            if fetch(port, "/", {}).body.decode() == body:
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("nginx, the upstream, did not start")


class DeadUpstream:
    """Accepts and resets every connection, and counts them: how often an open breaker still lets through."""

    def __init__(self) -> None:
        self.contacts = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.contacts += 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
