"""The operator's `/metrics` without a cluster: its own exposition over its own counts, which tests drive."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from app.operator.metrics import OperatorCounts, Reading, render

__all__ = ["OperatorPage"]


class OperatorPage:
    """Serves on `port` of loopback until left; `counts` and `instances` are what a scrape tells next."""

    def __init__(self, port: int) -> None:
        self.counts = OperatorCounts()
        self.instances = {"applied": 2, "pending": 0, "rejected": 0, "stale": 0}
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content_type, body = render(page.counts, Reading(7, 2048, 3, page.instances, {"Gateway": 1}))
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> "OperatorPage":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def advance(self, lag_s: float = 0.3) -> None:
        """One more of everything that is counted."""
        counts = self.counts
        counts.count_lag(lag_s)
        counts.watch_restarts += 1
        counts.nacks["policy"] += 1
        counts.reconciles["published"] += 1
        counts.status_writes["written"] += 1
        counts.events["posted"] += 1
        counts.sync_responses["/v1/sync", "200", ""] += 1
        counts.compiles["published"] += 1
        counts.object_writes["Gateway", "written"] += 1
        counts.overwritten["Gateway"] += 1
