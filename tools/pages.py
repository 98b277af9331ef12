"""Writes what README and `docs/` take from the code between markers, and `FILES` as a whole: `python -m tools.pages`.

`<!-- generated: settings -->` … `<!-- /generated -->` holds the table of that name.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from app.breaker.table import state_table_markdown
from app.config.reference import config_reference_markdown
from app.dataplane.codec.grpc import statuses_table_markdown
from app.dataplane.downstream import connection_state, http2_state
from app.foundation.reasons import REASONS, Reason
from app.operator.metrics import operator_metrics_table_markdown
from app.operator.settings import operator_settings_table_markdown
from app.policy.crd import crd_text
from app.policy.reference import reference_markdown
from app.settings import settings_table_markdown
from app.telemetry.access_log import fields_table_markdown
from app.telemetry.metrics import metrics_table_markdown
from cache.settings import cache_settings_table_markdown
from tools.architecture import layers_markdown
from tools.boards.tables import alerts_table_markdown, boards_table_markdown, cache_metrics_table_markdown
from tools.files import ROOT, write_files

__all__ = ["CURES", "FILES", "PAGES", "README", "TABLES", "main", "reasons_table_markdown", "written"]

README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)

CURES: Mapping[Reason, str] = {
    Reason.REQUEST_MALFORMED: "The client sent something that two HTTP parsers could interpret differently (`detail` "
    "says what), or a path with a `.` or `..` segment (`PATHS`); the connection closes, over HTTP/2 "
    "its stream. Fix the client or the proxy before the gateway.",
    Reason.KEY_MISSING: "Send the key as `X-API-Key` or `Authorization: Bearer`, or set the route's"
    " `auth: none`.",
    Reason.KEY_UNKNOWN: "Compare the key with what `tidegate keys new` printed; with `hmac-sha256:`"
    " hashes also whether `KEY_PEPPER` is the one they were made with.",
    Reason.KEY_EXPIRED: "Its `notAfter` has passed: make a new key, add its hash, remove the old one.",
    Reason.NO_ROUTE: "`tidegate status` lists the routes; host and raw path must match one.",
    Reason.METHOD_NOT_ALLOWED: "A route takes this path, but not with this method (`Allow` names those "
    "that it takes). CONNECT is never forwarded.",
    Reason.REQUEST_TIMEOUT: "The head did not arrive within `HEADER_TIMEOUT`, or the body stalled.",
    Reason.BODY_TOO_LARGE: "Raise `MAX_BODY_BYTES`, or `0` for no bound.",
    Reason.URI_TOO_LONG: "Raise `MAX_TARGET_BYTES`, or send the data in a body.",
    Reason.EXPECTATION_FAILED: "`Expect` can only be `100-continue`; drop it.",
    Reason.MISDIRECTED_REQUEST: "The connection was made for another listener's host (SNI): open one for this host. "
    "Browsers do so by themselves.",
    Reason.RATE_LIMITED: "Wait `Retry-After` seconds; `RateLimit` shows what is left before it "
    "happens. Raise `RATE_LIMIT` or the rule in the policy.",
    Reason.HEAD_TOO_LARGE: "Raise `MAX_HEAD_BYTES` or `MAX_FIELDS`; often a cookie grew.",
    Reason.INTERNAL_ERROR: "A fault of the gateway: the process log has its trace. Please report it.",
    Reason.UPSTREAM_CONNECT: "Nothing accepts connections at the endpoint: check address, port, name, certificate "
    "(`tls.caFile`).",
    Reason.UPSTREAM_RESET: "The upstream closed the connection before it responded: look at its log; its keep-alive "
    "time may be shorter than the pause between requests.",
    Reason.UPSTREAM_PROTOCOL: "The upstream's response is not valid HTTP; `detail` says where. Is it a TLS port, "
    "or does it speak the other HTTP (`protocol`)?",
    Reason.BREAKER_OPEN: "The upstream failed too often; after `openDuration` it is tried again. "
    "`tidegate status` shows since when and why.",
    Reason.BREAKER_PROBING: "A probe is under way; try again in a second. More at a time: "
    "`halfOpenRequests`.",
    Reason.OVERLOADED: "`MAX_IN_FLIGHT` requests are under way: raise it, or run another gateway.",
    Reason.LIMIT_STORE_DOWN: "The limit's store is unavailable and its policy says `onStoreFailure: Closed`.",
    Reason.NO_BACKEND: "The route names a Service that does not exist, or that it may not name (`detail` says which): "
    "the route's condition `ResolvedRefs` has the cure.",
    Reason.NO_ENDPOINTS: "No pod of the Service is ready: `kubectl get endpointslices` shows what the operator sees.",
    Reason.DRAINING: "This gateway is shutting down; use another one.",
    Reason.UPSTREAM_TIMEOUT: "No response within `timeout.request` (30 s): raise it, or make the upstream "
    "faster.",
    Reason.VERSION_NOT_SUPPORTED: "The gateway speaks HTTP/2, HTTP/1.1 and HTTP/1.0 to clients; `HTTP2=off` "
    "takes the first away.",
}
"""What to do about each reason word."""


def reasons_table_markdown() -> str:
    """Every rejection by its word, with its status and cure."""
    rows = ["| reason | status | what to do |", "|---|---|---|"]
    rows += [f"| `{reason}` | {status} | {CURES[reason]} |" for reason, (status, _) in REASONS.items()]
    return "\n".join(rows) + "\n"


def hierarchy_table_markdown() -> str:
    """Each golden case of the hierarchy: its first line says what it shows."""
    folder = ROOT / "tests/golden/policy_merge"
    cases = sorted(folder.glob("*.in.yaml"))
    says = [(path.read_text().partition("\n")[0].removeprefix("# "), path.name) for path in cases]
    rows = ["| case | test (`tests/golden/policy_merge`) |", "|---|---|"]
    rows += [f"| {text} | `{name.removesuffix('.in.yaml')}` |" for text, name in says]
    return "\n".join(rows) + "\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "layers": layers_markdown,
    "settings": settings_table_markdown,
    "breaker": state_table_markdown,
    "connection": connection_state.TABLE.markdown,
    "http-connection": http2_state.TABLE.markdown,
    "metrics": metrics_table_markdown,
    "cache-settings": cache_settings_table_markdown,
    "cache-metrics": cache_metrics_table_markdown,
    "operator-metrics": operator_metrics_table_markdown,
    "operator-settings": operator_settings_table_markdown,
    "dashboards": boards_table_markdown,
    "alerts": alerts_table_markdown,
    "log": fields_table_markdown,
    "grpc-statuses": statuses_table_markdown,
    "reasons": reasons_table_markdown,
    "hierarchy": hierarchy_table_markdown,
}


FILES: Mapping[Path, Callable[[], str]] = {
    ROOT / "k8s/crds/resiliencepolicies.yaml": crd_text,
    ROOT / "docs/policy-reference.md": reference_markdown,
    ROOT / "docs/configuration-reference.md": config_reference_markdown,
}
"""Files that are made wholly."""


def written(text: str) -> str:
    """`text` with every block written again. Raises KeyError for an unknown block."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}{TABLES[found['name']]().rstrip()}\n{found[3]}"

    return _BLOCK.sub(block, text)


def main() -> int:
    write_files({page: written(page.read_text()) for page in PAGES})
    write_files({path: text() for path, text in FILES.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
