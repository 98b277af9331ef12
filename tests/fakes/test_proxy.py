import pytest

from app.dataplane.codec.local_reply import rejection_reply
from app.foundation.reasons import Reason, Rejection
from tests.fakes.proxy import FakeDownstream, FakeWriter, context_of


def test_a_writer_tells_what_it_was_given():
    writer = FakeWriter()
    assert not writer.flush()
    writer.write_head(200, b"OK", [], 3)
    writer.write_body(b"a")
    assert writer.flush()
    writer.write_body(b"bc")
    writer.end_response([])
    assert writer.calls == [
        ("head", 200, 3),
        ("body", b"a"),
        ("flush",),
        ("body", b"bc"),
        ("end", []),
    ]
    assert writer.body == b"abc"


def test_a_writer_tells_why_it_rejected():
    writer = FakeWriter()
    writer.reply(rejection_reply(Rejection(Reason.NO_ROUTE, "d"), b"id", b"id", b"", b""))
    assert writer.reasons == ["no_route"]


def test_a_writer_fails_where_it_is_told_to():
    writer = FakeWriter()
    writer.fail_on = "last"
    with pytest.raises(ZeroDivisionError):
        writer.end_after_response()


def test_a_downstream_keeps_calls_and_the_last_deadline():
    downstream = FakeDownstream()
    downstream.set_deadline(3.0)
    downstream.pause_upload()
    downstream.exchange_done(4.0)
    assert (downstream.calls, downstream.deadline_s) == (["pause_upload", "done"], 3.0)


async def test_a_fault_inside_fails_the_test():
    context = context_of("", MAX_IN_FLIGHT="7")
    assert context.settings.max_in_flight == 7
    with pytest.raises(AssertionError, match="a fault inside"):
        context.on_internal_error(ZeroDivisionError())
