import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.link import message as module
from app.gateway.link.message import LinkFault, Message, MessageReader, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
MESSAGES = st.builds(Message, st.text(max_size=20), JSON, st.binary(max_size=200), st.integers(0, 1 << 53))


@given(st.lists(MESSAGES, max_size=6), st.integers(1, 60))
def test_messages_are_read_as_they_were_written_however_the_stream_is_cut(messages, piece):
    stream = b"".join(map(encode, messages))
    reader = MessageReader()
    found = []
    for at in range(0, len(stream), piece):
        found += reader.feed(stream[at : at + piece])
    assert found == messages


def test_one_that_is_too_long_is_not_made(monkeypatch):
    monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 40)
    encode(Message("files", blob=b"x" * 10))
    with pytest.raises(ValueError, match="'files' of 50 bytes; 40 are the most"):
        encode(Message("files", blob=b"x" * 30))


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"\xff\xff\xff\xff", "4294967295 bytes"),
        (b"\x00\x00\x00\x06\x00\x00\x00\x02{]", "header"),
        (b"\x00\x00\x00\x06\x00\x00\x00\x02[]", "header"),
        (b"\x00\x00\x00\x00", "header"),
        (b"\x00\x00\x00\x0c\x00\x00\x00\x08[1,0,[]]", "no kind"),
        (b'\x00\x00\x00\x0f\x00\x00\x00\x0b["a",-1,[]]', "no number"),
    ],
)
def test_what_is_no_message_is_a_fault_of_the_link(stream, why):
    with pytest.raises(LinkFault, match=why):
        MessageReader().feed(stream)
