"""The problem that a failed call gets."""

import json

from app.foundation.errors import StoreDown
from cache.errors import Rejected
from cache.replies import problem_of


def test_a_rejection_says_what_it_says():
    reply = problem_of(Rejected(413, "too large", ((b"x", b"y"),)))
    assert (reply.status, json.loads(reply.body)["detail"]) == (413, "too large")
    assert (b"x", b"y") in reply.headers


def test_a_store_that_is_down_is_503_and_may_be_tried_again():
    reply = problem_of(StoreDown("redis", "not reachable"))
    assert (reply.status, dict(reply.headers)[b"retry-after"]) == (503, b"1")
    assert "not reachable" in json.loads(reply.body)["detail"]
