from app.operator.policy.attachments import NOTHING_SERVED, Attachments
from app.operator.policy.known_attachments import KnownAttachments


def test_without_gateway_api_it_is_known_from_the_start_that_nothing_is_served():
    assert KnownAttachments().current is NOTHING_SERVED


def test_what_is_awaited_is_unknown_until_it_comes():
    known = KnownAttachments(are_awaited=True)
    assert known.current is None
    found = Attachments(frozenset({"service/shop/orders"}))
    known.put(found)
    assert known.current is found
