"""`tidegate status`: asks a gateway's admin port and shows its state as text, as JSON, or live."""

import sys
import time
from collections.abc import Callable
from shutil import get_terminal_size
from typing import Any, NoReturn

import httpx
import orjson

from app.cli.fault_report import report
from app.cli.status import DEFAULT_ADMIN_URL
from app.cli.status.layout import narrowed
from app.cli.status.sections import sections
from app.cli.tables import Section, plain_text
from app.foundation.clock import wall_s
from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["show_status"]

_PARTS = ("routes", "breakers", "config")
_PERIOD_S = 1.0
_TIMEOUT = httpx.Timeout(5.0)  # the first call makes the gateway import its admin API


class _NoGateway(Exception):
    """No gateway's admin port responds there; the text says where and why."""


def show_status(
    admin_url: str, *, watch: bool, as_json: bool, pause: Callable[[float], None] = time.sleep
) -> int:
    """Shows the state once, or with `watch` every second until q or Ctrl-C; 1 when the gateway does not response."""
    base = _checked(admin_url)
    # No environment: a proxy variable must not send a question about this machine elsewhere.
    with httpx.Client(base_url=base, timeout=_TIMEOUT, trust_env=False, follow_redirects=False) as client:
        try:
            if watch and sys.stdout.isatty() and not as_json:
                _watch_live(str(base), pause)
            while True:
                sys.stdout.write(_json(client) if as_json else _text(client))
                sys.stdout.flush()
                if not watch:
                    return 0
                pause(_PERIOD_S)
        except _NoGateway as fault:
            report(f"error: {fault}")
            return 1
        except KeyboardInterrupt:
            if watch:
                return 0  # the way to end it
            raise


def _checked(admin_url: str) -> httpx.URL:
    try:
        url = httpx.URL(admin_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigFaults(
            [ConfigFault("--admin", f"{admin_url!r} is no http:// URL", f"write it like {DEFAULT_ADMIN_URL}")]
        )
    return url


def _asked(client: httpx.Client) -> dict[str, Any]:
    """The parts of the admin API's state by name. Raises `_NoGateway`."""
    state = {}
    for part in _PARTS:
        try:
            response = client.get(f"/v1/{part}")
        except httpx.HTTPError as fault:
            raise _NoGateway(
                f"no gateway responds at {client.base_url}: {fault or type(fault).__name__}; "
                "is it running? name its admin port with --admin URL"
            ) from None
        if response.status_code != 200:
            raise _NoGateway(_foreign(client, f"{response.status_code} to /v1/{part}"))
        try:
            state[part] = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise _NoGateway(_foreign(client, f"no JSON to /v1/{part}")) from None
    return state


def _foreign(client: httpx.Client, what: str) -> str:
    return f"{client.base_url} is not a gateway's admin port: it sent {what}"


def _json(client: httpx.Client) -> str:
    return orjson.dumps(_asked(client), option=orjson.OPT_APPEND_NEWLINE).decode()


def _text(client: httpx.Client) -> str:
    """As wide as the terminal; in a pipe as wide as it takes."""
    shown = _sections(client)
    return plain_text(narrowed(shown, get_terminal_size().columns) if sys.stdout.isatty() else shown)


def _sections(client: httpx.Client) -> list[Section]:
    state = _asked(client)
    try:
        return sections(state["routes"], state["breakers"], state["config"], wall_s())
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _NoGateway(_foreign(client, "JSON of another shape")) from None


def _watch_live(base: str, pause: Callable[[float], None]) -> NoReturn:
    """In place on the terminal, as things happen, until Ctrl-C. Raises `_NoGateway`."""
    from app.cli.status.live import NotLive, watch_live

    try:
        watch_live(base, pause)
    except NotLive as fault:
        raise _NoGateway(str(fault)) from None
