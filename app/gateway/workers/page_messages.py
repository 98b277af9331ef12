"""How a page that the parent writes goes through a worker: messages over a connection to the parent's Unix socket.

One connection is one request of a client's. To the parent:

| kind | body | blob |
|---|---|---|
| `head` | `PageClient` as a list | the request's head, without its empty line |
| `body` | | a part of the request's body; after `upgraded` whatever the client sends |
| `end` | | the request is complete |
| `malformed` | the detail | |
| `shutdown` | | the connection ends with this response |

To the worker: `body` (a part of the response, or of what follows an upgrade), `upgraded`, and `end` with whether the
client's connection may go on. A connection that closes without `end` has failed. Pure.
"""

from typing import Final, NamedTuple

__all__ = ["BODY", "END", "HEAD", "MALFORMED", "SHUTDOWN", "UPGRADED", "PageClient"]

HEAD: Final = "head"
BODY: Final = "body"
END: Final = "end"
MALFORMED: Final = "malformed"
SHUTDOWN: Final = "shutdown"
UPGRADED: Final = "upgraded"


class PageClient(NamedTuple):
    """Whose request it is. `peer`, `own`: the addresses of the connection's ends. `chunked`: how its body is framed."""

    peer: tuple[str, int] | None
    own: tuple[str, int] | None
    is_tls: bool
    chunked: bool

    @classmethod
    def of(cls, words: list[object]) -> "PageClient":
        """From the body of a `head`."""
        peer, own, is_tls, chunked = words
        return cls(_address(peer), _address(own), bool(is_tls), bool(chunked))


def _address(given: object) -> tuple[str, int] | None:
    return (str(given[0]), int(given[1])) if isinstance(given, list) else None
