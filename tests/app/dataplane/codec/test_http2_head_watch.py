import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec.http2_head_watch import PREFACE, HeadWatch


def frame(kind: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + b"\x00\x00\x00\x01" + payload


DATA, HEADERS, SETTINGS, CONTINUATION = 0, 1, 4, 9
END_HEADERS = 4


def watched(*pieces: bytes) -> int:
    watch = HeadWatch()
    for piece in pieces:
        watch.feed(piece)
    return watch.open


def test_it_is_open_until_the_preface_is_whole():
    assert watched()
    assert watched(PREFACE[:-1])
    assert not watched(PREFACE)
    assert not watched(PREFACE + frame(SETTINGS))


@pytest.mark.parametrize(
    ("data", "is_open"),
    [
        (frame(HEADERS, b"x" * 10, END_HEADERS), False),
        (frame(HEADERS, b"x" * 10, END_HEADERS)[:-1], True),
        (frame(HEADERS, b"x" * 10), True),
        (frame(HEADERS, b"x" * 10) + frame(CONTINUATION, b"y"), True),
        (frame(HEADERS, b"x" * 10) + frame(CONTINUATION, b"y", END_HEADERS), False),
        (frame(HEADERS, b"x" * 10) + frame(CONTINUATION, b"yz", END_HEADERS)[:-1], True),
        (frame(HEADERS, b"", END_HEADERS), False),
        (frame(DATA, b"x" * 100)[:50], False),
        (frame(DATA, b"x" * 100)[:5], True),
        (frame(DATA, b"x" * 100) + frame(HEADERS, b"x", END_HEADERS)[:3], True),
    ],
)
def test_it_is_open_within_a_header_block_or_the_head_of_a_frame(data, is_open):
    assert bool(watched(PREFACE, data)) is is_open


def test_each_head_has_a_number_of_its_own_which_stays_until_it_is_whole():
    first, rest = frame(HEADERS, b"x" * 10), frame(CONTINUATION, b"y", END_HEADERS)
    watch, numbers = HeadWatch(), []
    for piece in (PREFACE, first[:3], first[3:12], first[12:], rest[:4], rest[4:] + first[:3], first[3:12]):
        watch.feed(piece)
        numbers.append(watch.open)
    one, other = numbers[1], numbers[-1]
    assert numbers == [0, one, one, one, one, other, other]
    assert one != other


def test_frames_that_nobody_reads_are_counted():
    watch = HeadWatch()
    watch.feed(
        PREFACE
        + frame(2, bytes(5))
        + frame(16)
        + frame(0x42)
        + frame(DATA)
        + frame(HEADERS, b"", END_HEADERS)
    )
    assert watch.ignored_frames == 2


@given(st.data())
def test_in_whatever_pieces_the_bytes_come_the_end_is_the_same(data):
    kinds = st.sampled_from([DATA, HEADERS, SETTINGS, CONTINUATION])
    frames = data.draw(
        st.lists(
            st.builds(frame, kinds, st.binary(max_size=20), st.sampled_from([0, END_HEADERS])), max_size=6
        )
    )
    whole = PREFACE + b"".join(frames)
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert watched(*pieces) == watched(whole)
