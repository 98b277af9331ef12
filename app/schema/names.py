"""DNS subdomains and labels (RFC 1123), HTTP field names (RFC 9110 §5.1), tiers; each raises BadValue."""

import re

from app.foundation.errors import BadValue, quoted

__all__ = [
    "FIELD_NAME_PATTERN",
    "LABEL_PATTERN",
    "MAX_FIELD_NAME",
    "MAX_LABEL",
    "MAX_SUBDOMAIN",
    "SUBDOMAIN_PATTERN",
    "TIER_PATTERN",
    "dns_label",
    "dns_subdomain",
    "field_name",
    "tier_name",
]

LABEL_PATTERN = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
SUBDOMAIN_PATTERN = rf"{LABEL_PATTERN}(?:\.{LABEL_PATTERN})*"
FIELD_NAME_PATTERN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TIER_PATTERN = r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
MAX_SUBDOMAIN, MAX_LABEL, MAX_FIELD_NAME = 253, 63, 64

_DNS_LABEL = re.compile(LABEL_PATTERN)
_DNS_SUBDOMAIN = re.compile(SUBDOMAIN_PATTERN)
_TOKEN = re.compile(FIELD_NAME_PATTERN)
_TIER = re.compile(TIER_PATTERN)
_UNFIT = re.compile(r"[^a-z0-9]+")


def dns_subdomain(text: str) -> str:
    """1–253 characters, labels of 1–63 of `a-z0-9-` joined by dots."""
    if len(text) <= MAX_SUBDOMAIN and _DNS_SUBDOMAIN.fullmatch(text):
        return text
    if "@" in text:
        raise BadValue(f"{quoted(text)} holds @, which is reserved", "use a-z, 0-9, - and .")
    raise BadValue(
        f"{quoted(text)} is not a DNS subdomain", _cure(text, "use a-z, 0-9, - and . only, up to 253")
    )


def dns_label(text: str) -> str:
    """1–63 of `a-z0-9-`, first and last no hyphen."""
    if _DNS_LABEL.fullmatch(text):
        return text
    raise BadValue(f"{quoted(text)} is not a DNS label", _cure(text, "use a-z, 0-9 and - only, at most 63"))


def field_name(text: str) -> str:
    """An HTTP field name of at most 64 characters, as written."""
    if len(text) <= MAX_FIELD_NAME and _TOKEN.fullmatch(text):
        return text
    raise BadValue(f"{quoted(text)} is not a header name", "write a name such as X-Tenant, at most 64 long")


def tier_name(text: str) -> str:
    """1–63 letters, digits, `-`, `_` and `.`, first and last a letter or digit."""
    if _TIER.fullmatch(text):
        return text
    raise BadValue(f"{quoted(text)} is not a tier name", "use letters, digits, -, _ and ., at most 63")


def _cure(text: str, rule: str) -> str:
    offer = _UNFIT.sub("-", text.lower()).strip("-")[:63].rstrip("-")
    return f"{rule}, such as {offer}" if offer else rule
