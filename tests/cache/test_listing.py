"""The list of what the cache holds, page by page, and purges of it."""

import pytest

from tests.fakes.cache_calls import is_problem


async def test_the_list_has_keys_sizes_and_ttls_and_no_cursor_on_the_last_page(http):
    await http.put("/cache/b?ttl=60", content=b"12")
    await http.put("/cache/a%2F%D1%8F?ttl=60", content=b"1")
    assert (await http.get("/cache")).json() == {
        "keys": [{"key": "a/я", "size": 1, "ttl": 60}, {"key": "b", "size": 2, "ttl": 60}]
    }


async def test_the_cursor_leads_through_all_pages(http):
    for i in range(5):
        await http.put(f"/cache/k{i}", content=b"")
    await http.put("/cache/other", content=b"")
    seen, page = [], {"cursor": ""}
    while "cursor" in page:
        query = {"prefix": "k", "limit": "2", "cursor": page["cursor"]}
        page = (await http.get("/cache", params=query)).json()
        seen.append([listed["key"] for listed in page["keys"]])
    assert seen == [["k0", "k1"], ["k2", "k3"], ["k4"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "cursor=!", "limit=1&limit=2"])
async def test_a_bad_list_query_is_400(http, query):
    is_problem(await http.get(f"/cache?{query}"), 400)


@pytest.mark.parametrize(
    ("body", "count"), [({"tags": ["x"]}, 2), ({"prefix": "a"}, 2), ({"all": True}, 3), ({"prefix": "z"}, 0)]
)
async def test_a_purge_answers_how_many_it_removed(http, body, count):
    for path in ("a1?tag=x", "a2", "b?tag=x&tag=y"):
        await http.put(f"/cache/{path}", content=b"1")
    answer = await http.post("/cache:purge", json=body)
    assert (answer.status_code, answer.json()) == (200, {"purged": count})
    assert len((await http.get("/cache")).json()["keys"]) == 3 - count


@pytest.mark.parametrize("body", [b"", b"{}", b'{"all": false}', b'{"all": true, "x": 1}', b"\xff"])
async def test_a_bad_purge_is_400_and_removes_nothing(http, body):
    await http.put("/cache/a", content=b"1")
    is_problem(await http.post("/cache:purge", content=body), 400)
    assert (await http.get("/cache/a")).status_code == 200


async def test_a_purge_that_is_too_large_is_413(http):
    is_problem(await http.post("/cache:purge", content=bytes(64 * 1024 + 1)), 413)
