"""Reads `rewrite` and `redirect` of a route (HTTPRoute: HTTPURLRewriteFilter, HTTPRequestRedirectFilter)."""

from enum import StrEnum

from app.config.model import Redirect, Rewrite
from app.config.parsing.addresses import parse_endpoint, raw_path
from app.schema.faults import BadValue
from app.schema.fields import CheckedText, Custom, Whole
from app.schema.records import Record, Rule
from app.schema.section import Section
from app.schema.wording import show

__all__ = ["REWRITE", "redirect_record"]

_PARTS = ("scheme", "host", "port", "path", "prefix")
_STATUSES = (301, 302, 303, 307, 308)


class _Scheme(StrEnum):
    HTTP = "http"
    HTTPS = "https"


def _read_status(redirect: Section) -> int:
    status = redirect.raw("status") if "status" in redirect else Redirect().status
    if isinstance(status, bool) or not isinstance(status, int) or status not in _STATUSES:
        redirect.fault("status", f"is {show(status)}", "it must be 301, 302, 303, 307 or 308")
        return _STATUSES[0]
    return status


def _read_scheme(redirect: Section) -> str | None:
    return str(redirect.choice("scheme", _Scheme)) if "scheme" in redirect else None


def _check_one_path(section: Section, _: object) -> None:
    if "prefix" in section and "path" in section:
        section.fault("path", "stands beside prefix", "keep one of the two")


def _check_change(section: Section, _: Redirect) -> None:
    if not any(key in section for key in _PARTS):
        fix = "it must have scheme, host, port, path or prefix"
        section.faults.add(section.path, "leads back to the same URL", fix)


def _host(text: str) -> str:
    """A host without port; an IPv6 address in brackets."""
    if ":" in _authority(text).rpartition("]")[2]:
        raise BadValue(f"is {show(text)}", "put the port into redirect.port")
    return text


def _authority(text: str) -> str:
    """A host with an optional port, as in a Host field."""
    if "/" in text or "@" in text or "?" in text or "#" in text:
        raise BadValue(
            f"is {show(text)}", "it must be a host such as api.example.com, with a port if need be"
        )
    parse_endpoint(f"http://{text}")
    return text


_PREFIX = CheckedText("prefix", raw_path, says="Replaces the prefix that `match.path` matched.")
_PATH = CheckedText("path", raw_path, says="Replaces the whole path; not beside `prefix`.")
_ONE_PATH = "path and prefix must not stand together"

REWRITE: Record[Rewrite] = Record(
    Rewrite,
    "What the upstream gets instead of what the client sent.",
    {
        "prefix": _PREFIX,
        "path": _PATH,
        "host": CheckedText("host", _authority, says="Replaces Host. Default: as the client sent it."),
    },
    Rule("", _ONE_PATH, _check_one_path),
)


def redirect_record(*, may_lead_back: bool) -> Record[Redirect]:
    """`may_lead_back`: HTTPRoute allows a redirect that changes the status alone."""
    rules: list[Rule[Redirect]] = [Rule("", _ONE_PATH, _check_one_path)]
    if not may_lead_back:
        rules.append(Rule("", "redirect must have scheme, host, port, path or prefix", _check_change))
    return Record(
        Redirect,
        "Replies with a redirect instead of asking an upstream; what is left out stays as the client sent it.",
        {
            "status": Custom(
                "status",
                _read_status,
                {"description": "Its status.", "enum": [*_STATUSES], "default": Redirect().status},
            ),
            "scheme": Custom(
                "scheme",
                _read_scheme,
                {"description": "Another scheme.", "enum": [str(one) for one in _Scheme]},
            ),
            "host": CheckedText("host", _host, says="Another host, without port."),
            "port": Whole("port", 1, 65_535, "Another port."),
            "path": _PATH,
            "prefix": _PREFIX,
        },
        *rules,
    )
