"""`tidegate status --watch` on a terminal: a viewer of the monitor's feed."""

import ssl
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, NoReturn

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from app.cli.keyboard import quit_on_q
from app.cli.status.picture import Picture
from app.cli.status.screen import NOT_LIVE, Screen
from app.cli.tables import Section
from app.foundation.clock import now_s

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

__all__ = ["NotLive", "watch_live"]

OPEN_S = 5.0
REDRAW_S = 0.5
"""Countdowns move on also without a message."""
SILENT_S = 3.0
"""The feed sends something each second; after this it is not live."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 5.0


class NotLive(Exception):
    """The feed cannot be had; the text says why."""


def watch_live(
    base: str,
    pause: Callable[[float], None],
    select: Callable[[Sequence[Section]], list[Section]] = list,
    only: Container[str] | None = None,
) -> NoReturn:
    """Draws until q or Ctrl-C. `base`: the admin port's URL; `select`: what of the picture is drawn;
    `only`: of which rules and routes it has the clients, None: of all.

    Raises NotLive when the first connection fails.
    """
    url = base.rstrip("/").replace("http", "ws", 1) + "/monitor/ws"
    picture, wait_s = Picture(only), FIRST_WAIT_S
    first: ClientConnection | None = _connected(url)
    with quit_on_q(), Screen() as screen:
        while True:
            try:
                with first or _connected(url) as socket:
                    first, wait_s = None, FIRST_WAIT_S
                    _follow(socket, picture, screen, select)
            except NotLive as fault:
                sign = Section(f"{NOT_LIVE}: {fault}; trying again")
                screen.draw([sign, *select(_known(picture))])
            pause(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)


def _connected(url: str) -> "ClientConnection":
    try:
        # no proxy: a variable must not send a question about this machine elsewhere
        return connect(url, proxy=None, compression=None, max_size=None, open_timeout=OPEN_S, close_timeout=1)
    except (OSError, WebSocketException, ssl.SSLError) as fault:
        raise NotLive(f"no monitor responds at {url}: {fault or type(fault).__name__}") from None


def _follow(
    socket: "ClientConnection",
    picture: Picture,
    screen: Screen,
    select: Callable[[Sequence[Section]], list[Section]],
) -> NoReturn:
    """Draws what comes until nothing does."""
    heard_at_s = now_s()
    while True:
        try:
            picture.take(socket.recv(REDRAW_S))
            heard_at_s = now_s()
        except TimeoutError:
            if now_s() - heard_at_s > SILENT_S:
                raise NotLive(f"nothing was heard for {SILENT_S:g} s") from None
        except (OSError, WebSocketException) as fault:
            raise NotLive(f"the connection ended: {fault}") from None
        except (KeyError, TypeError, ValueError):
            raise NotLive("what came is no message of a monitor") from None
        shown = select(_known(picture, now_s() - heard_at_s))
        screen.draw(shown)


def _known(picture: Picture, after_s: float = 0.0) -> list[Section]:
    """What is known; nothing before the first snapshot."""
    try:
        return picture.sections(after_s)
    except KeyError:
        return []
