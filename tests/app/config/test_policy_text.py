import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.config.policy_text import file_text, merge_patch
from app.policy.model import Policy
from app.policy.parse import parse_spec

VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def merged(old, patch):
    """RFC 7386 §2."""
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value) if isinstance(value, dict) else value
    return result


@given(DOCUMENTS, DOCUMENTS)
def test_a_merge_patch_makes_the_new_one_out_of_the_old(old, new):
    assert merged(old, merge_patch(old, new)) == new
    assert merge_patch(old, old) == {}


def test_a_list_is_replaced_whole():
    assert merge_patch({"a": [1, 2], "b": 1}, {"a": [1, 3], "b": 1}) == {"a": [1, 3]}


def test_what_a_reader_would_add_by_itself_is_left_out_of_a_file():
    spec = {"targetRefs": [{"kind": "Gateway"}], "circuitBreaker": {"failureRate": {"percent": 40}}}
    assert yaml.safe_load(file_text(Policy("p", parse_spec(spec)))) == {
        "policies": [{"name": "p", "spec": spec}]
    }


def test_fields_keep_their_order():
    spec = {"rateLimit": {"rules": [{"period": "1m", "requests": 5, "key": "Client", "name": "r"}]}}
    text = file_text(Policy("p", parse_spec({**spec, "targetRefs": [{"kind": "Gateway"}]})))
    keys = [line.split(":")[0].strip("- ") for line in text.splitlines()]
    assert keys == [
        "policies", "name", "spec", "targetRefs", "kind", "rateLimit", "rules", "name", "key", "requests", "period",
    ]  # fmt: skip
