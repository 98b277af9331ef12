from app.breaker.values import NO_GENERATION, BreakerState, Cause, Permit


def test_state_words_are_those_of_the_api_and_the_metrics():
    assert [str(state) for state in BreakerState] == ["closed", "open", "half_open"]


def test_causes_are_words_that_need_no_quoting():
    assert all(str(cause).replace("_", "").isalpha() for cause in Cause)


def test_only_a_probe_has_a_result_outstanding():
    assert (Permit(3).is_probe, Permit(3, is_probe=True).is_probe) == (False, True)


def test_the_permit_of_no_generation_matches_none():
    assert NO_GENERATION.generation < 1
