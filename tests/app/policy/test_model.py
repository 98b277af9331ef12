import pytest

from app.policy.model import OverrideState


@pytest.mark.parametrize("word", ["open", "Open", "OPEN"])
def test_an_override_is_named_in_any_case(word):
    assert OverrideState.named(word) is OverrideState.OPEN


def test_another_word_names_none():
    with pytest.raises(ValueError, match="Half"):
        OverrideState.named("half")
