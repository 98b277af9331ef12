"""`tidegate why`: asks a gateway's admin port what became of one request, and says it in sentences."""

import sys
from typing import Any, NoReturn
from urllib.parse import quote

from app.admin.decision_sentences import decision_sentences
from app.cli.fault_report import report
from app.cli.status.admin_client import NoGateway, admin_client, ask, shaped
from app.cli.tables import printable

__all__ = ["explain_request"]


class _Unknown(Exception):
    """No such decision is kept; the text is the gateway's."""


def explain_request(admin_url: str, request_id: str) -> int:
    """1 for an id that is not kept, and when the gateway does not respond. Raises ConfigFaults."""
    with admin_client(admin_url) as client:
        try:
            decision = ask(client, f"/v1/decisions/{quote(request_id, safe='')}", _unknown)
            with shaped(client):
                lines = decision_sentences(decision).splitlines()
            sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
        except (NoGateway, _Unknown) as fault:
            report(f"error: {fault}")
            return 1
    return 0


def _unknown(problem: Any) -> NoReturn:
    detail = problem.get("detail") if isinstance(problem, dict) else None
    raise _Unknown(str(detail or "no such decision is kept"))
