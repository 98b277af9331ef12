from app.operator.routes.features import SUPPORTED_FEATURES


def test_features_are_sorted_and_without_repetition():
    assert list(SUPPORTED_FEATURES) == sorted(set(SUPPORTED_FEATURES))


def test_at_most_64_features_fit_a_status():
    assert len(SUPPORTED_FEATURES) <= 64
