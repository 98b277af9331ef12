from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.admin.api import build_admin_app
from tests.fakes.admin_view import FakeView

OVERRIDE = "/v1/breakers/cache/override"
TOKEN = "token-1"
BODY = b'{"state":"open","for":"60s"}'
LARGE = b"x" * 20_000


async def put(
    headers: Sequence[tuple[str, str | bytes]] = (), body: bytes = BODY, token: str | None = TOKEN
) -> httpx.Response:
    view = FakeView(token)
    transport = httpx.ASGITransport(build_admin_app(view), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        fields: list[Any] = [("content-type", "application/json"), *headers]
        answer = await client.put(OVERRIDE, content=body, headers=fields)
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert not view.transitions("cache")
    return answer


@pytest.mark.parametrize("given", ["Bearer token-1", "bearer token-1", "BEARER  token-1"])
async def test_the_token_opens(given):
    assert (await put([("authorization", given)])).status_code == 200


@pytest.mark.parametrize("headers", [[], [("authorization", "Bearer ")], [("authorization", "Basic dG9r")]])
async def test_an_absent_token_is_401_and_says_how(headers):
    answer = await put(headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "given", ["Bearer token-2", "Bearer token-1x", "Bearer token", "Bearer t\xf6ken".encode()]
)
async def test_a_wrong_token_is_403(given):
    assert (await put([("authorization", given)])).status_code == 403


async def test_two_tokens_are_403_even_if_one_is_right():
    assert (await put([("authorization", "Bearer token-1")] * 2)).status_code == 403


@pytest.mark.parametrize("headers", [[], [("authorization", "Bearer token-1")]])
async def test_without_admin_token_every_change_is_403_and_says_so(headers):
    answer = await put(headers, token=None)
    assert answer.status_code == 403
    assert "ADMIN_TOKEN is not set" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"{", LARGE])
async def test_the_token_is_checked_before_the_body(body):
    assert (await put(body=body)).status_code == 401
    assert (await put([("authorization", "Bearer no")], body)).status_code == 403


async def test_a_large_body_is_413():
    answer = await put([("authorization", "Bearer token-1")], LARGE)
    assert answer.status_code == 413
    assert "16384" in answer.json()["detail"]


async def test_the_token_is_never_echoed():
    answer = await put([("authorization", "Bearer my-guess")])
    assert "my-guess" not in answer.text
    assert "token-1" not in answer.text


async def test_wrong_tokens_of_an_address_are_judged_ten_times_a_second():
    now = [5.0]
    app = build_admin_app(FakeView(TOKEN), lambda: now[0])

    async def statuses(given: str, count: int, address: str = "10.0.0.1") -> set[int]:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
            fields = {"authorization": f"Bearer {given}"}
            return {
                (await client.put(OVERRIDE, content=BODY, headers=fields)).status_code for _ in range(count)
            }

    assert await statuses(TOKEN, 20) == {200}
    assert await statuses("guess", 10) == {403}
    assert await statuses("guess", 5) == {429}
    assert await statuses(TOKEN, 1) == {429}  # else a right guess would show
    assert await statuses(TOKEN, 1, "10.0.0.2") == {200}
    now[0] = 6.0
    assert await statuses(TOKEN, 1) == {200}
