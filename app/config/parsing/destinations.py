"""Reads where a route's requests go: `upstream` with weights and edits of its own, and `mirror`."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from app.config.model import HeaderEdits, Mirror, Rewrite, UpstreamName, WeightedUpstream
from app.config.parsing.headers import HEADER_EDITS
from app.config.parsing.redirects import REWRITE, redirect_record
from app.config.parsing.spelling import Spelling
from app.schema.fields import CheckedText, Whole
from app.schema.records import Nested, Record, Rule
from app.schema.section import Section
from app.schema.wording import kind_of, show

__all__ = ["MAX_WEIGHT", "MAX_MIRRORS", "mirror_record", "upstream_record", "upstreams_reader"]

MAX_WEIGHT = 1_000_000
MAX_FRACTION = 1_000_000
MAX_MIRRORS = 16
KEPT_SHARES: Final = 1024


def _check_share_redirect(section: Section, _: WeightedUpstream) -> None:
    if "rewrite" in section and "redirect" in section:
        section.fault("rewrite", "has no effect on a redirect", "put path, prefix and host into redirect")


def upstream_record(spelling: Spelling) -> Record[WeightedUpstream]:
    """An item of `upstream`."""
    return Record(
        WeightedUpstream,
        "One of several upstreams.",
        {
            "name": CheckedText(
                "name", spelling.name, "the name of an upstream", "Of an upstream. Required."
            ),
            "weight": Whole(
                "weight", 0, MAX_WEIGHT, "Its share of the requests, compared with the others'.", 1
            ),
            "request_headers": Nested("requestHeaders", HEADER_EDITS, HeaderEdits()),
            "response_headers": Nested("responseHeaders", HEADER_EDITS, HeaderEdits()),
            "rewrite": Nested("rewrite", REWRITE, Rewrite()),
            "redirect": Nested("redirect", redirect_record(may_lead_back=spelling.is_compiled)),
        },
        Rule("", "rewrite and redirect must not stand together", _check_share_redirect),
    )


@lru_cache(KEPT_SHARES)
def _whole_of(name: str) -> tuple[WeightedUpstream, ...]:
    """All requests for one upstream: one object for the routes of a cluster that lead to one Service."""
    return (WeightedUpstream(UpstreamName(name)),)


def upstreams_reader(spelling: Spelling) -> Callable[[Section], tuple[WeightedUpstream, ...]]:
    """Of `upstream`: a name, or a list with weights."""
    record = upstream_record(spelling)

    def read(route: Section) -> tuple[WeightedUpstream, ...]:
        if "upstream" not in route:
            return ()
        value = route.raw("upstream")
        if isinstance(value, str):
            return _whole_of(route.text("upstream", spelling.name, value))
        if not isinstance(value, list):
            fix = "give a name, or a list of {name: .., weight: ..}"
            route.fault("upstream", f"is {kind_of(value)}", fix)
            return ()
        faults_before = len(route.faults)
        found: list[WeightedUpstream] = []
        names: set[str] = set()
        for path, item in route.items("upstream", 1):
            one = record.open(item, path, route.faults)
            if one is None or not one.name:
                continue
            if one.name in names and not spelling.is_compiled:
                fix = "give each upstream once, with the sum of the weights"
                route.faults.add((*path, "name"), f"repeats {show(one.name)}", fix)
            names.add(one.name)
            found.append(one)
        if len(route.faults) == faults_before and not any(each.weight for each in found):
            route.fault("upstream", "has no weight above 0", "one upstream must have a weight of at least 1")
        return tuple(found)

    return read


def _mirror(name: str, percent: int | None, fraction: float | None) -> Mirror:
    if fraction is not None:
        return Mirror(UpstreamName(name), fraction)
    return Mirror(UpstreamName(name), 1.0 if percent is None else percent / 100)


def _fraction(numerator: int, denominator: int) -> float:
    return numerator / denominator


def _check_fraction(section: Section, share: float) -> None:
    if share > 1.0:
        section.fault("numerator", "is above denominator", "it must be at most denominator")


def _check_share(section: Section, _: Mirror) -> None:
    if "percent" in section and "fraction" in section:
        section.fault("fraction", "stands beside percent", "keep one of the two")


_FRACTION: Record[float] = Record(
    _fraction,
    "Their share, where percents are too coarse.",
    {
        "numerator": Whole(
            "numerator", 0, MAX_FRACTION, "So many of `denominator` requests. Required.", is_required=True
        ),
        "denominator": Whole("denominator", 1, MAX_FRACTION, "Out of so many.", 100),
    },
    Rule("", "numerator must be at most denominator", _check_fraction, compares_values=True),
)


def mirror_record(spelling: Spelling) -> Record[Mirror]:
    """An item of `mirror`."""
    return Record(
        _mirror,
        "An upstream that gets a copy of requests; what it replies is discarded.",
        {
            "name": CheckedText("upstream", spelling.name, "the name of an upstream", "Its name. Required."),
            "percent": Whole("percent", 0, 100, "Share of the requests in percent; default all."),
            "fraction": Nested("fraction", _FRACTION),
        },
        Rule("", "percent and fraction must not stand together", _check_share),
    )
