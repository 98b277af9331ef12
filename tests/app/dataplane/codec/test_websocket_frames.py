import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dataplane.codec import websocket_frames
from app.dataplane.codec.websocket_frames import FrameMeter, close_frame

MASK = b"\1\2\3\4"


def frame(size: int, *, masked: bool, opcode: int = 2) -> bytes:
    """As RFC 6455 §5.2 writes it; the payload's bytes look like heads of frames."""
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, bit | 127)) + size.to_bytes(8, "big")
    return head + (MASK if masked else b"") + b"\x89\xff" * (size // 2) + b"\x7f" * (size % 2)


SIZES = st.one_of(
    st.integers(0, 130), st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536]), st.integers(126, 3000)
)


@given(
    masked=st.booleans(),
    sizes=st.lists(SIZES, max_size=12),
    cuts=st.lists(st.integers(0, 200_000), max_size=30),
)
def test_after_any_pieces_the_meter_is_where_a_reader_of_each_frame_is(masked, sizes, cuts):
    frames = [frame(size, masked=masked) for size in sizes]
    data, ends = b"".join(frames), {0}
    for each in frames:
        ends.add(max(ends) + len(each))
    meter, at = FrameMeter(masked=masked), 0
    for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
        meter.feed(data[at:cut])
        at = cut
        assert meter.between_frames == (at in ends)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 5, 125, 126, 256, 70_000])
def test_the_meter_is_between_frames_only_at_the_end_of_one(size, masked):
    data, meter = frame(size, masked=masked), FrameMeter(masked=masked)
    step = max(1, len(data) // 300)
    for at in range(0, len(data), step):
        assert meter.between_frames == (at == 0)
        meter.feed(data[at : at + step])
    assert meter.between_frames


def unmasked_from_a_client(size: int) -> bytes:
    return frame(size, masked=False)


def long_way(size: int) -> bytes:
    """A length in eight bytes that two, or the first one, would hold."""
    return b"\x82\xff" + size.to_bytes(8, "big") + MASK + bytes(size)


@pytest.mark.parametrize(
    "data",
    [
        unmasked_from_a_client(0),
        long_way(0),
        long_way(65_535),
        b"\x82\xfe\x00\x7d" + MASK + bytes(125),
        b"\x82\xff" + b"\xff" * 8 + MASK,
    ],
)
def test_a_frame_that_the_protocol_forbids_is_not_followed(data):
    meter = FrameMeter(masked=True)
    meter.feed(data)
    assert not meter.between_frames
    meter.feed(frame(0, masked=True))
    assert not meter.between_frames


def test_a_servers_masked_frame_is_not_followed():
    meter = FrameMeter(masked=False)
    meter.feed(frame(3, masked=True))
    assert not meter.between_frames


class Counting:
    """A pattern, and how many bytes it was asked to look at."""

    def __init__(self, pattern):
        self.pattern = pattern
        self.calls = 0

    def match(self, data, at):
        self.calls += 1
        return self.pattern.match(data, at)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    ("of", "most_steps"),
    [
        (lambda masked: frame(0, masked=masked, opcode=9), 520),
        (lambda masked: frame(125, masked=masked), 12),
        (lambda masked: frame(126, masked=masked), 64 * 1024),
        (lambda masked: frame(0, masked=not masked, opcode=9), 8),
        (lambda masked: long_way(0) if masked else b"\x82\x7e\x00\x00", 20),
    ],
    ids=["empty pings", "the longest short ones", "the shortest long ones", "the other way", "the long way"],
)
def test_the_cost_is_per_byte_whatever_the_frames(monkeypatch, masked, of, most_steps):
    heads = []
    payload_bytes = websocket_frames._payload_bytes

    def counted(head, masked):
        heads.append(head)
        return payload_bytes(head, masked)

    monkeypatch.setattr(websocket_frames, "_payload_bytes", counted)
    meter = FrameMeter(masked=masked)
    short = Counting(meter._short)
    monkeypatch.setattr(meter, "_short", short)
    one = of(masked)
    meter.feed(one * (256 * 1024 // len(one)))
    assert short.calls + len(heads) <= most_steps


def test_a_close_frame_carries_its_code():
    assert close_frame(1001, masked=False) == b"\x88\x02\x03\xe9"


def test_a_clients_close_frame_is_masked():
    assert close_frame(1001, masked=True) == b"\x88\x82\0\0\0\0\x03\xe9"
