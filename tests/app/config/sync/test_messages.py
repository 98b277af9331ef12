from dataclasses import replace

from app.config.sync.message_codec import decode_request, encode_request
from app.config.sync.messages import ApplyResult, Attempt, PolicyError, SyncRequest
from tests.app.config.sync_samples import FULL, INSTANCE, LINEAGE


def test_what_a_gateway_says_arrives_as_it_was_said():
    assert decode_request(encode_request(FULL)) == FULL


def test_a_gateway_without_anything_to_tell_is_understood():
    assert decode_request(encode_request(SyncRequest(INSTANCE))) == SyncRequest(INSTANCE)


def test_a_long_message_is_cut_so_that_the_operator_takes_it():
    attempt = Attempt(LINEAGE, 8, ApplyResult.REJECTED, "x" * 5_000)
    heard = decode_request(encode_request(replace(FULL, attempt=attempt)))
    assert heard.attempt == replace(attempt, message="x" * 1_024)


def test_more_errors_than_the_operator_takes_are_cut():
    errors = tuple(PolicyError(f"uid-{n}", 1, "bad") for n in range(300))
    attempt = Attempt(LINEAGE, 8, ApplyResult.PARTIAL, "", errors)
    heard = decode_request(encode_request(replace(FULL, attempt=attempt)))
    assert heard.attempt == replace(attempt, errors=errors[:200])
