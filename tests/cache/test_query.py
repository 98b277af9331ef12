"""Queries and purge bodies: every accepted form, every refusal."""

import pytest

from cache.errors import Rejected
from cache.keys import cursor_of
from cache.query import ListQuery, PutQuery, list_query_of, purge_of, put_query_of
from cache.store import Purge


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        (b"", PutQuery(300, ())),
        (b"ttl=60", PutQuery(60, ())),
        (b"tag=a&tag=b&ttl=1", PutQuery(1, ("a", "b"))),
        (b"tag=%D0%BA&unknown=1", PutQuery(300, ("к",))),
        (b"ttl=315360000", PutQuery(315360000, ())),
    ],
)
def test_a_put_takes_ttl_and_tags(query, meaning):
    assert put_query_of(query, 300) == meaning


@pytest.mark.parametrize(
    "query",
    [
        b"ttl=0",
        b"ttl=-1",
        b"ttl=",
        b"ttl=1.5",
        b"ttl=1e3",
        b"ttl=+5",
        b"ttl=%205",
        b"ttl=\xd9\xa3",
        b"ttl=%D9%A3",
        b"ttl=315360001",
        b"ttl=9999999999999999999",
        b"ttl=1&ttl=2",
        b"ttl=5s",
        b"tag=",
        b"tag=%FF",
        b"tag=%zz",
        b"&".join([b"tag=a"] * 101),
    ],
)
def test_a_bad_put_query_is_refused_with_400(query):
    with pytest.raises(Rejected) as refused:
        put_query_of(query, 300)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("query", "meaning"),
    [
        (b"", ListQuery("", "", 100)),
        (b"prefix=&limit=&cursor=", ListQuery("", "", 100)),
        (b"prefix=a%2F&limit=1000", ListQuery("a/", "", 1000)),
        (b"cursor=" + cursor_of("a").encode(), ListQuery("", "a", 100)),
    ],
)
def test_a_list_takes_prefix_limit_and_cursor(query, meaning):
    assert list_query_of(query) == meaning


@pytest.mark.parametrize(
    "query",
    [b"limit=0", b"limit=1001", b"limit=x", b"cursor=!", b"prefix=%FF", b"prefix=%f", b"limit=1&limit=1"],
)
def test_a_bad_list_query_is_refused_with_400(query):
    with pytest.raises(Rejected) as refused:
        list_query_of(query)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b'{"all": true}', Purge()),
        (b'{"prefix": "a/"}', Purge(prefix="a/")),
        (b'{"tags": ["a", "b", "a"]}', Purge(tags=("a", "b"))),
    ],
)
def test_a_purge_has_one_of_three_forms(body, what):
    assert purge_of(body) == what


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"all": false}',
        b'{"all": 1}',
        b'{"all": true, "prefix": "a"}',
        b'{"all": true, "extra": 1}',
        b'{"prefix": "a", "prefix": "a/b"}',
        b'{"prefix": ""}',
        b'{"prefix": 1}',
        b'{"prefix": "\\ud800"}',
        b'{"tags": []}',
        b'{"tags": "a"}',
        b'{"tags": [1]}',
        b'{"tags": [""]}',
        b'{"tags": ["\\udfff"]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_any_other_purge_is_refused_with_400(body):
    with pytest.raises(Rejected) as refused:
        purge_of(body)
    assert refused.value.status == 400
