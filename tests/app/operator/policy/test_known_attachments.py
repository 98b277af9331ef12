from app.operator.policy.attachments import NOTHING_SERVED
from app.operator.policy.known_attachments import KnownAttachments
from tests.app.operator.policy.test_attachments import FOUND, TABLES, WORLD, compiled


def test_without_gateway_api_it_is_known_from_the_start_that_nothing_is_served():
    assert KnownAttachments().current is NOTHING_SERVED


def test_what_is_awaited_is_unknown_until_it_was_compiled():
    assert KnownAttachments(are_awaited=True).current is None
    known = KnownAttachments(are_awaited=True)
    known.take(WORLD, compiled(TABLES))
    assert known.current == FOUND
    assert known.current is known.current


def test_a_cluster_that_turns_out_to_have_no_gateway_api_has_no_objects():
    known = KnownAttachments(are_awaited=True)
    known.take(WORLD, compiled(TABLES))
    known.put(NOTHING_SERVED)
    assert known.current is NOTHING_SERVED
