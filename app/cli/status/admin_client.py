"""`tidegate status`: asks a gateway's admin port and shows its state as text, as JSON or YAML, or live."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import httpx
import orjson

from app.cli.fault_report import report
from app.cli.status import DEFAULT_ADMIN_URL
from app.cli.status.gateway_clock import gateway_wall_s
from app.cli.status.output import Output, document_text
from app.cli.status.rejected_clients import MOST_CLIENTS
from app.cli.status.sections import sections
from app.cli.status.selection import StatusQuery, open_breakers
from app.cli.status.terminal_text import sections_text
from app.foundation.clock import wall_s
from app.foundation.errors import ConfigFault, ConfigFaults

__all__ = ["EXIT_OPEN", "NoGateway", "admin_client", "ask", "shaped", "show_status"]

EXIT_OPEN = 3
"""The exit code of `--fail-on open` where a breaker is open."""

_PARTS = ("routes", "breakers", "limits", "shadows", "problems", "config")
_PERIOD_S = 1.0
_TIMEOUT = httpx.Timeout(5.0)  # the first call makes the gateway import its admin API


class NoGateway(Exception):
    """No gateway's admin port responds there; the text says where and why."""


def show_status(
    admin_url: str,
    query: StatusQuery = StatusQuery(),  # noqa: B008 - a frozen value
    *,
    watch: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> int:
    """Shows the state once, or with `watch` every second until q or Ctrl-C.

    1 when the gateway does not respond, 3 when a breaker is open that `query` fails on. Raises ConfigFaults.
    """
    with admin_client(admin_url) as client:
        dates: list[str | None] = []
        client.event_hooks = {"response": [lambda response: dates.append(response.headers.get("date"))]}
        try:
            if watch and sys.stdout.isatty() and query.output is Output.TABLE:
                _watch_live(client, query, pause)
            while True:
                state = _selected(client, query)
                now_wall_s = gateway_wall_s(dates[-1], wall_s())
                dates.clear()
                sys.stdout.write(_printed(client, state, query, now_wall_s))
                sys.stdout.flush()
                if not watch:
                    return _verdict(client, state, query)
                pause(_PERIOD_S)
        except NoGateway as fault:
            report(f"error: {fault}")
            return 1
        except KeyboardInterrupt:
            if watch:
                return 0  # the way to end it
            raise


def admin_client(admin_url: str) -> httpx.Client:
    """Not connected yet. Raises ConfigFaults for what is no URL."""
    # No environment: a proxy variable must not send a question about this machine elsewhere.
    return httpx.Client(base_url=_base(admin_url), timeout=_TIMEOUT, trust_env=False, follow_redirects=False)


def _base(admin_url: str) -> httpx.URL:
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
    """The parts of the admin API's state by name. Raises `NoGateway`."""
    return {part: ask(client, f"/v1/{part}") for part in _PARTS}


def ask(client: httpx.Client, path: str, missing: Callable[[Any], NoReturn] | None = None) -> Any:
    """The JSON at `path`. `missing` is called with that of a 404. Raises `NoGateway`."""
    try:
        response = client.get(path)
    except httpx.HTTPError as fault:
        raise NoGateway(
            f"no gateway responds at {client.base_url}: {fault or type(fault).__name__}; "
            "is it running? name its admin port with --admin URL"
        ) from None
    is_missing = response.status_code == 404 and missing is not None
    if response.status_code != 200 and not is_missing:
        raise NoGateway(foreign(client, f"{response.status_code} to {path}"))
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise NoGateway(foreign(client, f"no JSON to {path}")) from None
    if is_missing and missing is not None:
        missing(found)
    return found


def foreign(client: httpx.Client, what: str) -> str:
    return f"{client.base_url} is not a gateway's admin port: it sent {what}"


@contextmanager
def shaped(client: httpx.Client) -> Iterator[None]:
    """While inside, what a foreign shape raises becomes `NoGateway`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NoGateway(foreign(client, "JSON of another shape")) from None


def _selected(client: httpx.Client, query: StatusQuery) -> dict[str, Any]:
    state = _asked(client)
    with shaped(client):
        return query.selection.of_state(state)


def _printed(client: httpx.Client, state: Mapping[str, Any], query: StatusQuery, now_wall_s: float) -> str:
    with shaped(client):
        if query.output.is_document:
            return document_text(query.selection.document(state), query.output)
        most_clients = None if query.output is Output.WIDE else MOST_CLIENTS
        shown = query.selection.of_sections(sections(state, now_wall_s, most_clients))
    return sections_text(shown, query.output)


def _verdict(client: httpx.Client, state: Mapping[str, Any], query: StatusQuery) -> int:
    """The exit code: 3 where `--fail-on open` finds an open breaker, which stderr then names."""
    if not query.fails_on_open:
        return 0
    with shaped(client):
        found = open_breakers(state)
    if not found:
        return 0
    report(f"--fail-on open: {'breaker' if len(found) == 1 else 'breakers'} open: {', '.join(found)}")
    return EXIT_OPEN


def _watch_live(client: httpx.Client, query: StatusQuery, pause: Callable[[float], None]) -> NoReturn:
    """In place on the terminal, as things happen, until Ctrl-C. Raises `NoGateway`."""
    from app.cli.status.live import NotLive, watch_live

    only = None
    if query.selection.name is not None:
        state = _selected(client, query)
        with shaped(client):
            only = query.selection.live_rows(state)
    try:
        watch_live(str(client.base_url), pause, lambda shown: query.selection.of_sections(shown, only), only)
    except NotLive as fault:
        raise NoGateway(str(fault)) from None
