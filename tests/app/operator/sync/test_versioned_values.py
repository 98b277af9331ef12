import pytest

from app.config.sync.newest import NOTHING_HELD, Delta, Held
from app.operator.sync import versioned_values
from app.operator.sync.versioned_values import VersionedValues


def store_of(**values):
    made: VersionedValues[int] = VersionedValues("boot")
    made.replace(values)
    return made


def at(version):
    return Held("boot", version)


def test_each_change_is_a_version_and_what_changes_nothing_is_none():
    store = store_of(a=1)
    assert (store.version, store.replace({"a": 1}), store.change({"a": 1}, ["gone"])) == (1, False, False)
    assert (store.change({"b": 2}), store.version, store.values) == (True, 2, {"a": 1, "b": 2})


@pytest.mark.parametrize("held", [NOTHING_HELD, Held("another boot", 1), at(7)])
def test_who_holds_nothing_that_is_known_here_gets_everything(held):
    assert store_of(a=1, b=2).since(held) == Delta(at(1), True, {"a": 1, "b": 2})


def test_who_is_behind_gets_what_changed_since():
    store = store_of(a=1, b=2, c=3)
    store.change({"a": 4})
    store.replace({"a": 4, "b": 2, "d": 5})
    assert store.since(at(1)) == Delta(at(3), False, {"a": 4, "d": 5}, ("c",))
    assert store.since(at(2)) == Delta(at(3), False, {"d": 5}, ("c",))


def test_who_holds_everything_lacks_nothing():
    assert store_of(a=1).since(at(1)) is None


def test_what_came_back_was_not_removed():
    store = store_of(a=1)
    store.change({}, ["a"])
    store.change({"a": 1})
    assert store.since(at(1)) == Delta(at(3), False, {"a": 1})


def test_a_name_that_is_given_and_removed_at_once_is_given():
    store = store_of(a=1)
    assert not store.change({"a": 1}, ["a"])


def test_since_when_a_value_is_as_it_is():
    store = store_of(a=1, b=2)
    store.change({"b": 3})
    assert [store.version_of(name) for name in "abc"] == [1, 2, None]


def test_who_missed_more_removals_than_are_remembered_gets_everything(monkeypatch):
    monkeypatch.setattr(versioned_values, "MAX_REMEMBERED", 2)
    store = store_of(**dict.fromkeys("abcd", 1))
    for name in "abc":
        store.change({}, [name])
    assert store.since(at(1)) == Delta(at(4), True, {"d": 1})
    assert store.since(at(2)) == Delta(at(4), False, {}, ("c", "b"))
