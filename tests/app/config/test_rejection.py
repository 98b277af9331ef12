import pytest

from app.config.rejection import Rejection


def test_it_is_a_value():
    assert Rejection(1.0, "gw.yaml", ("a",)) == Rejection(1.0, "gw.yaml", ("a",))
    with pytest.raises(AttributeError):
        Rejection(1.0, "gw.yaml", ()).source = "other"  # type: ignore[misc]
