from dataclasses import replace

from app.operator.policy.compile import Verdict
from app.operator.policy.policy_cache import PolicyCache
from app.policy.model import Spec
from tests.app.operator.samples import policy


def cache_of(*policies):
    cache = PolicyCache()
    cache.replace(policies)
    return cache


def test_before_the_first_list_nothing_is_known():
    cache = PolicyCache()
    assert (cache.has_synced, len(cache), cache.get("uid-orders")) == (False, 0, None)


def test_the_first_list_holds_no_edits():
    cache = PolicyCache()
    assert cache.replace([policy("a"), policy("b")]) == []
    assert (cache.has_synced, [one.name for one in cache]) == (True, ["a", "b"])


def test_later_lists_hold_what_was_created_or_edited():
    cache = cache_of(policy("a"), policy("b"))
    edited = cache.replace([policy("a", generation=2), policy("b"), policy("c")])
    assert [one.name for one in edited] == ["a", "c"]


def test_a_policy_that_is_not_listed_any_more_is_gone():
    cache = cache_of(policy("a"), policy("b"))
    cache.replace([policy("b")])
    assert (cache.get("uid-a"), len(cache)) == (None, 1)


def test_a_spec_is_read_once_for_each_generation():
    cache = cache_of(policy())
    first = cache.spec_of(policy())
    assert isinstance(first, Spec)
    assert cache.spec_of(policy()) is first
    assert cache.spec_of(policy(generation=2)) is not first


def test_a_spec_that_cannot_be_read_is_a_verdict():
    assert isinstance(PolicyCache().spec_of(policy(spec={})), Verdict)


def test_specs_of_policies_that_are_gone_are_forgotten():
    cache = cache_of(policy())
    first = cache.spec_of(policy())
    cache.replace([])
    assert cache.spec_of(policy()) is not first


def test_a_write_takes_the_place_of_what_was_read():
    known = policy()
    cache = cache_of(known)
    stored = replace(known, resource_version="2")
    cache.update(known, stored)
    assert cache.get(known.uid) is stored


def test_a_list_that_came_during_a_write_stays():
    known = policy()
    cache = cache_of(known)
    listed = policy(resource_version="9")
    cache.replace([listed])
    cache.update(known, replace(known, resource_version="2"))
    assert (cache.get(known.uid) is listed, cache.is_latest(known)) == (True, False)
