"""The monitor's page: the files that `make monitor` puts into `static`, under `/monitor` (docs: monitor)."""

import re
from collections.abc import Callable
from pathlib import Path

from app.foundation.conditional import none_match, strong_etag
from app.foundation.reply import Headers, Reply, problem, reply

__all__ = ["FEED_PATH", "PAGE_PATH", "STATIC", "Page"]

STATIC = Path(__file__).parent / "static"
PAGE_PATH, FEED_PATH = "/monitor", "/monitor/ws"

_PAGE = ".html"  # one of them is the page; another program's is not served
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_TEXT = ("text/", "application/json", "application/manifest", "image/svg")
_HASHED = re.compile(r"-[A-Za-z0-9_]{8,}\.")  # a name that changes with its content
_FOR_EVER, _ASK = b"public, max-age=31536000, immutable", b"no-cache"
_SAFE: Headers = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NOT_BUILT = "the page is not built on this machine; run `make monitor` in Tidegate's folder, then reload"


class Page:
    """Reads `folder` again with each call of the page, so a page that is built later is served at once.

    `on_look` gets every path that is served, from the start on: the data path must leave these to the page.
    `index`: the file that is the page itself, `fleet.html` for that over all gateways.
    """

    def __init__(
        self,
        folder: Path = STATIC,
        on_look: Callable[[frozenset[str]], None] = lambda _: None,
        index: str = "index.html",
    ) -> None:
        self._folder = folder
        self._index = index
        self._on_look = on_look
        self._files: dict[str, Path] = {}
        self.look()

    def look(self) -> None:
        """Look for the files again."""
        self._files = {
            f"{PAGE_PATH}/{path.relative_to(self._folder).as_posix()}": path
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and path.suffix in _TYPES and path.suffix != _PAGE
        }
        index = self._folder / self._index
        if index.is_file():
            self._files |= dict.fromkeys((PAGE_PATH, f"{PAGE_PATH}/", f"{PAGE_PATH}/{self._index}"), index)
        self._on_look(frozenset({PAGE_PATH, f"{PAGE_PATH}/", FEED_PATH, *self._files}))

    def serves(self, path: str) -> bool:
        return path == PAGE_PATH or path.startswith(f"{PAGE_PATH}/")

    def reply(self, path: str, method: str, accept_encoding: str, if_none_match: str) -> Reply:
        """The reply to a request for `path`, which is served here; HEAD gets what GET would."""
        if method not in ("GET", "HEAD"):
            return _safe(problem(405, f"{path} is read with GET", ((b"allow", b"GET, HEAD"),)))
        if path == FEED_PATH:
            upgrade = ((b"upgrade", b"websocket"), (b"connection", b"Upgrade"))
            return _safe(problem(426, "this is a WebSocket; a browser's page opens it", upgrade))
        if path in (PAGE_PATH, f"{PAGE_PATH}/"):
            self.look()
        file = self._files.get(path)
        if file is None and path in (PAGE_PATH, f"{PAGE_PATH}/"):
            return _safe(problem(503, _NOT_BUILT))
        try:
            if file is not None:
                return _safe(_file(file, accept_encoding, if_none_match))
        except OSError:
            pass  # rebuilt a moment ago: this name no longer exists
        return _safe(problem(404, "the page has no such file"))


def _safe(plain: Reply) -> Reply:
    return Reply(plain.status, (*plain.headers, *_SAFE), plain.body)


def _file(path: Path, accept_encoding: str, if_none_match: str) -> Reply:
    packed = path.with_name(path.name + ".gz")
    gzip = _takes_gzip(accept_encoding) and packed.is_file()
    body = (packed if gzip else path).read_bytes()
    # strong, so of these very bytes (RFC 9110 §8.8.3.3: an encoding is part of the representation)
    tag = strong_etag(body)
    headers: Headers = (
        (b"etag", tag.encode()),
        (b"cache-control", _FOR_EVER if _HASHED.search(path.name) else _ASK),
        (b"vary", b"accept-encoding"),
    )
    if gzip:
        headers = (*headers, (b"content-encoding", b"gzip"))
    content_type = _TYPES[path.suffix]
    if content_type.startswith(_TEXT):
        content_type += "; charset=utf-8"
    if if_none_match and not none_match(if_none_match, tag):
        return Reply(304, headers)
    return reply(200, content_type.encode(), body, headers)


def _takes_gzip(accept_encoding: str) -> bool:
    """RFC 9110 §12.5.3, as far as gzip goes."""
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
