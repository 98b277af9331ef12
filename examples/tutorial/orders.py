"""The service of the tutorial, and a caller for it. Python's standard library is all it needs.

python3 orders.py serve PORT             answers GET /orders/N; PUT /broken and PUT /healthy switch it
python3 orders.py switch URL             PUTs there and prints the response
python3 orders.py call URL KEY TIMES     sends that many requests, once it can connect, and counts what came back
"""

import collections
import json
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Orders(BaseHTTPRequestHandler):
    """200 with the order, or 503 while it is broken."""

    protocol_version = "HTTP/1.1"
    is_broken = False

    def do_GET(self) -> None:
        if Orders.is_broken:
            self.reply(503, {"error": "the database is down"})
        else:
            self.reply(200, {"order": self.path.rpartition("/")[2], "status": "shipped"})

    def do_PUT(self) -> None:
        Orders.is_broken = self.path.endswith("/broken")
        self.reply(200, {"broken": Orders.is_broken})

    def reply(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet: the gateway has the access log."""


def switch(url: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10) as response:
        print(response.read().decode().rstrip())


def wait_until_reachable(url: str) -> None:
    """A Service that is new takes a cluster's nodes and its DNS a second or two."""
    place = urllib.parse.urlsplit(url)
    for left in reversed(range(60)):
        try:
            return socket.create_connection((place.hostname, place.port or 80), timeout=5).close()
        except OSError:
            if not left:
                raise
            time.sleep(0.5)


def call(url: str, key: str, times: int) -> None:
    wait_until_reachable(url)
    seen: collections.Counter[str] = collections.Counter()
    for _ in range(times):
        request = urllib.request.Request(url, headers={"X-API-Key": key})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                response.read()
                seen[f"{response.status} from the service"] += 1
        except urllib.error.HTTPError as error:
            error.read()  # a caller that hangs up before the end is not counted by a breaker
            reason = error.headers.get("Tidegate-Reason")
            seen[
                f"{error.code} {reason} from the gateway" if reason else f"{error.code} from the service"
            ] += 1
    for what, count in seen.items():
        print(f"{count:4} × {what}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port]:
            ThreadingHTTPServer(("", int(port)), Orders).serve_forever()
        case ["switch", url]:
            switch(url)
        case ["call", url, key, times]:
            call(url, key, int(times))
        case _:
            sys.exit(__doc__)
