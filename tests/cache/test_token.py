"""Calls of the cache service where it has a token."""

import pytest

from cache.api import create_app
from cache.memory import MemoryStore
from cache.settings import Settings
from tests.fakes.cache_calls import Hands, client_of, is_problem


async def with_token(path, **headers):
    app = create_app(MemoryStore(1000), Settings(token="s3cret"), Hands())
    async with client_of(app) as client:
        return (
            await client.put(path, content=b"1", headers=headers)
            if "cache" in path
            else await client.get(path)
        )


async def test_with_a_token_a_call_without_is_401(clock):
    answer = await with_token("/cache/a")
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Basic s3cret", "s3cret", "Bearer", "Bearer s3cret x", "Bearer \xff"]
)
async def test_with_a_token_a_wrong_one_is_401(value):
    answer = await with_token("/cache/a", authorization=value.encode("latin-1"))
    assert "s3cret" not in is_problem(answer, 401)
    assert "invalid_token" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("value", ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret"])
async def test_with_a_token_the_right_one_passes(value):
    assert (await with_token("/cache/a", authorization=value)).status_code == 201


@pytest.mark.parametrize(
    ("path", "status"), [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/stats", 401)]
)
async def test_with_a_token_only_probes_and_metrics_are_open(path, status):
    assert (await with_token(path)).status_code == status
