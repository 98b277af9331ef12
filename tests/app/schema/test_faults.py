import pytest

from app.foundation.errors import ConfigFaults
from app.schema.faults import MAX_FAULTS, Faults, spell


def test_a_path_is_spelled_as_people_write_it():
    assert spell(("routes", 2, "match", "X-Env", "a b", 0)) == "routes[2].match.X-Env['a b'][0]"


def test_a_long_odd_key_is_cut():
    assert len(spell(("\n" * 500,))) < 80


def test_too_many_faults_are_counted_not_kept():
    faults = Faults()
    for index in range(MAX_FAULTS + 7):
        faults.add((index,), "is wrong", "mend it")
    with pytest.raises(ConfigFaults) as caught:
        faults.raise_any(lambda found: f"f{spell(found.path)}")
    assert len(faults) == MAX_FAULTS + 7
    assert len(caught.value.faults) == MAX_FAULTS + 1
    assert str(caught.value.faults[-1]) == "f: has 7 more faults; mend those above first"


def test_no_fault_raises_nothing():
    Faults().raise_any(lambda found: "")
