"""Problem details (RFC 9457): the body of every local reply that is not a success. Pure."""

import json
from http import HTTPStatus

__all__ = ["PROBLEM_TYPE", "problem_body", "problem_members"]

PROBLEM_TYPE = b"application/problem+json"


def problem_members(status: int, title: str = "", **more: object) -> dict[str, object]:
    """The members that do not depend on the request. `title` "": the phrase of the status.

    The type is `about:blank` where `more` names none; RFC 9457 §4.2.1 lets us leave that out.
    """
    return {"title": title or _phrase(status), "status": status, **more}


def problem_body(status: int, detail: str, title: str = "", **more: object) -> bytes:
    """The JSON of one problem; `detail` says what is wrong and what would be right."""
    members = {**problem_members(status, title), "detail": detail, **more}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def _phrase(status: int) -> str:
    # RFC 9110 §15.5.14; Pythons before 3.13 know the older phrase
    return "Content Too Large" if status == 413 else HTTPStatus(status).phrase
