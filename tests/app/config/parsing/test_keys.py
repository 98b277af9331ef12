import pytest

from app.config.parsing.keys import parse_keys
from app.foundation.errors import ConfigFaults
from tests.app.config.samples import HASH, assert_one_fault, key

TWICE = f"- {{name: a, hash: '{HASH}'}}\n- {{name: b, hash: '{HASH}'}}"

BAD = [
    ("keys: [x]", "keys[0]: is a text, not a mapping", "give name, hash"),
    ("keys: [{name: acme}]", "keys[0].hash: is required", "tidegate keys new acme"),
    (f"keys: [{{hash: '{HASH}'}}]", "keys[0].name: is required", "DNS subdomain"),
    (
        "keys: [{name: acme, hash: my-secret-key}]",
        "keys[0].hash: is no hash of a key",
        "tidegate keys new acme",
    ),
    ("keys: [{name: acme, hash: 12345}]", "keys[0].hash: is a number", "tidegate keys new acme"),
    (
        "keys: [{name: acme, hash: 'md5:00'}]",
        "keys[0].hash: is no hash",
        "hmac-sha256: or sha256: and 64 hex",
    ),
    (key("notAfter: 2027-01-01"), "keys[0].notAfter: '2027-01-01' is not", "write 2027-01-01T00:00:00Z"),
    (key("notAfter: 1798761600"), "keys[0].notAfter: is a number", "quotes"),
    (key("tier: 'a b'"), "keys[0].tier: 'a b' is not a tier name", "letters"),
    (key("key: abc"), "keys[0].key: is not a known key", "known here: name, hash"),
    (
        f"keys: [{{name: a, hash: '{HASH}'}}, {{name: b, hash: '{HASH}'}}]",
        "keys[1].hash: is the same as that of key [0]",
        "its own hash",
    ),
    (
        f"keys: [{{name: a, hash: '{HASH}'}}]\nkeysFile: k",
        "gw.yaml:2: keysFile: stands beside keys",
        "keep one",
    ),
    ("keysFile: 5", "keysFile: is a number", "quotes"),
    ("keysFile: ''", "keysFile: is empty", "a text on one line"),
]


@pytest.mark.parametrize(("text", "place", "cure"), BAD, ids=range(len(BAD)))
def test_a_bad_key_gives_one_fault_with_place_and_cure(text, place, cure):
    assert_one_fault(text, place, cure)


@pytest.mark.parametrize(
    "text", [f"- {{name: acme, hash: '{HASH}'}}", f"keys:\n  - {{name: acme, hash: '{HASH}'}}"]
)
def test_a_keys_file_is_a_list_with_or_without_a_head(text):
    assert [entry.name for entry in parse_keys(text.encode(), "k.yaml")] == ["acme"]


def test_an_empty_keys_file_has_no_keys():
    assert parse_keys(b"", "k.yaml") == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- {name: acme}", "k.yaml:1: [0].hash: is required"),
        ("keys:\n- {name: acme}", "k.yaml:2: keys[0].hash: is required"),
        ("key: []", "k.yaml:1: key: is not a known key; did you mean keys?"),
        ("plain", "k.yaml: is a text, not a mapping"),
        (TWICE, "k.yaml:2: [1].hash: is the same as"),
    ],
)
def test_a_bad_keys_file_is_a_fault_with_its_place(text, fault):
    with pytest.raises(ConfigFaults) as caught:
        parse_keys(text.encode(), "k.yaml")
    assert len(caught.value.faults) == 1
    assert str(caught.value).startswith(fault)


def test_two_keys_of_one_client_are_kept_for_rotation():
    other = HASH.replace("ab", "cd")
    text = f"- {{name: acme, hash: '{HASH}'}}\n- {{name: acme, hash: '{other}', tier: gold}}"
    first, second = parse_keys(text.encode(), "k.yaml")
    assert (first.name, second.name, second.tier) == ("acme", "acme", "gold")


def test_a_digest_is_not_shown():
    (entry,) = parse_keys(f"- {{name: acme, hash: '{HASH}'}}".encode(), "k.yaml")
    assert "digest" not in repr(entry)


def test_a_bad_name_is_not_offered_for_the_command_that_makes_a_key():
    with pytest.raises(ConfigFaults) as caught:
        parse_keys(b"- {name: A_b, hash: x}", "keys.yaml")
    assert "tidegate keys new NAME prints one" in str(caught.value)
