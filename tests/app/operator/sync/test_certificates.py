import pytest

from app.operator.sync.certificates import load_authority, make_authority

NOW_S = 1_800_000_000.0


def test_a_key_of_another_ca_is_rejected():
    with pytest.raises(ValueError, match="do not belong together"):
        load_authority(make_authority(NOW_S).certificate, make_authority(NOW_S).key)
