"""Every port of the product rejects with the same problem (RFC 9457): one suite for all that write one."""

import json
from collections.abc import Callable

import pytest

from app.dataplane.codec.local_reply import rejection_reply
from app.foundation.reasons import Reason, Rejection
from app.foundation.reply import Reply, problem
from app.operator.serving.admin_api import AdminApi
from cache.errors import Rejected
from cache.replies import problem_of

DETAIL = 'no "such" pläce'


def of_the_data_path() -> Reply:
    local = rejection_reply(Rejection(Reason.NO_ROUTE, DETAIL), b"id", b"id", b"", b"")
    lines = [line.partition(b": ") for line in local.lines.split(b"\r\n") if line]
    return Reply(local.status, tuple((name, value) for name, _, value in lines), local.body)


def of_the_admin_pages() -> Reply:
    return problem(404, DETAIL)


def of_the_operator() -> Reply:
    return AdminApi(None)._respond("GET", "/nothing")  # type: ignore[arg-type]  # looks at no view


def of_the_cache_service() -> Reply:
    return problem_of(Rejected(404, DETAIL))


WRITERS = [of_the_data_path, of_the_admin_pages, of_the_operator, of_the_cache_service]


@pytest.mark.parametrize("write", WRITERS)
def test_a_problem_has_its_media_type_its_members_and_is_not_stored(write: Callable[[], Reply]):
    whole = write()
    fields = dict(whole.headers)
    assert fields[b"content-type"] == b"application/problem+json"
    assert fields[b"cache-control"] == b"no-store"
    members = json.loads(whole.body)
    assert members["status"] == whole.status == 404
    assert members["title"].istitle() or members["title"] == "No route"
    assert members["detail"]
    assert members.get("type", "about:blank") == "about:blank"
