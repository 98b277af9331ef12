"""Calls of the cache service over ASGI, and the problems that it responds with."""

import httpx

from cache.settings import Settings

__all__ = [
    "SETTINGS",
    "Hands",
    "client_of",
    "is_problem",
]


SETTINGS = Settings(max_bytes=100_000, max_entry_bytes=1000, default_ttl_s=300)
PROBLEM = "application/problem+json"


class Hands:
    """A clock that only the test moves."""

    def __init__(self):
        self.at_s = 1000.0

    def __call__(self):
        return self.at_s


def client_of(app, **options):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://cache", **options)


def is_problem(answer, status):
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.status_code, body["status"], answer.headers["content-type"]) == (status, status, PROBLEM)
    assert body["title"]
    assert body["detail"]
    return body["detail"]
