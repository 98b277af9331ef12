import itertools
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.paths import HiddenPaths, has_dot_segment

DOTS = (b".", b"%2e", b"%2E")
SLASHES = (b"/", b"\\", b"%2f", b"%2F", b"%5c", b"%5C")
PIECES = (*DOTS, *SLASHES, b"a", b"%", b"%2", b"%25", b"2e", b";")


def plainly(path: bytes) -> bool:
    """The oracle: decode once, split, look at each segment."""
    segments = unquote_to_bytes(path).replace(b"\\", b"/").split(b"/")[1:]
    return b"." in segments or b".." in segments


@pytest.mark.parametrize(
    "segment", [b"".join(dots) for n in (1, 2) for dots in itertools.product(DOTS, repeat=n)]
)
@pytest.mark.parametrize("before", SLASHES)
@pytest.mark.parametrize("after", [b"", *SLASHES])
def test_a_dot_segment_is_seen_however_it_is_spelt(before, segment, after):
    assert has_dot_segment(b"/public" + before + segment + after + (b"secret" if after else b""))
    assert has_dot_segment(b"/" + segment + after)


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"*",
        b"",
        b"/cache/a%2Fb",
        b"/cache/a%2fb.c",
        b"/.well-known/acme-challenge/x",
        b"/...",
        b"/a/.../b",
        b"/a..b/c",
        b"/a./b",
        b"/..a",
        b"/%2e%2ea",
        b"/a%2e/b",
        b"/a\\b",
        b"/app.v1.js",
        b"/%252e%252e/x",  # decoded once it is `%2e%2e`
        b"/..%3Fx",
        b"/..;x/",
        b"/%2",
        b"/%2.",
    ],
)
def test_what_is_no_dot_segment_passes(path):
    assert not has_dot_segment(path)


@given(st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: b"/" + b"".join(pieces)))
def test_it_says_what_decoding_and_splitting_say(path):
    assert has_dot_segment(path) is plainly(path)


HIDDEN = HiddenPaths(["/stats", "/docs", "/openapi.json"])


@pytest.mark.parametrize(
    "path",
    [
        b"/stats",
        b"/%73tats",
        b"/stat%73",
        b"/%73%74%61%74%73",
        b"//stats",
        b"/%2Fstats",
        b"/stats/",
        b"/stats%2Fx",
        b"/stats%0a",
        b"/docs/oauth2-redirect",
        b"/openapi%2ejson",
    ],
)
def test_a_hidden_path_is_hidden_however_it_is_spelt(path):
    assert HIDDEN.holds(path)


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"*",
        b"/",
        b"/%",
        b"/cache/stats",
        b"/%63ache/stats",
        b"/statsx",
        b"/stat",
        b"/Stats",
        b"/%2573tats",
        b"/stats%0a%0a",
        b"/stats%0ax",
        b"/openapiXjson",
        b"/s%2Ftats",
    ],
)
def test_what_is_another_path_once_decoded_is_not_hidden(path):
    assert not HIDDEN.holds(path)


@given(st.lists(st.sampled_from([b"/", b"%2f", b"s", b"%73", b"tats", b"docs", b"%0a"]), max_size=6))
def test_hiding_says_what_decoding_and_comparing_say(pieces):
    path = b"/" + b"".join(pieces)
    plain = b"/" + unquote_to_bytes(path).lstrip(b"/")
    first, slash, _ = plain[1:].partition(b"/")
    first = first if slash else first.removesuffix(b"\n")
    assert HIDDEN.holds(path) is (first in (b"stats", b"docs", b"openapi.json"))
