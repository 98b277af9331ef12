import pytest
import yaml

from app.foundation.errors import ConfigFaults
from app.schema.document import MAX_VALUES, load_document, load_documents
from app.schema.faults import Faults
from app.schema.file_size import MAX_FILE_BYTES


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def loader(request, monkeypatch):
    """Each test runs with both parsers of PyYAML: the C library is not in every build."""
    if request.param == "pure Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    return request.param


def value_of(text):
    document = load_document(text.encode(), "f.yaml")
    assert document.found == ()
    return document.value


def fault_of(text):
    """The only fault of a text: of those that stop the reading, or of those noted on the way."""
    try:
        document = load_document(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    except ConfigFaults as caught:
        faults = caught.faults
    else:
        faults = document.located(Faults(document.found))
    assert len(faults) == 1
    return faults[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing but a comment\n", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("on", "on"),
        ("no", "no"),
        ("y", "y"),
        ("10", 10),
        ("-3", -3),
        ("+3", 3),
        ("010", 10),
        ("0o17", 15),
        ("0x1f", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01", "2027-01-01"),
        ("1.5", 1.5),
        ("-.5e3", -500.0),
        ("1e3", 1000.0),
        ("-1.", -1.0),
        (".inf", float("inf")),
        ("10s", "10s"),
        ("-", [None]),
        ("'10'", "10"),
        ("!!str 10", "10"),
        ("! 10", "10"),
        ('"true"', "true"),
        ("|\n  10\n", "10\n"),
        ("9" * 41, "9" * 41),
        ("{a: 1, b: [x, {}]}", {"a": 1, "b": ["x", {}]}),
        ("!!map {a: !!seq [1]}", {"a": [1]}),
        ("{1: x, true: y, ~: z}", {"1": "x", "true": "y", "~": "z"}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x k\n*x : v\n", {"a": "k", "k": "v"}),
        ("'<<': 1", {"<<": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("%YAML 1.2\n---\na: ä…\n", {"a": "ä…"}),
    ],
)
def test_scalars_follow_the_core_schema_and_keys_are_texts(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "place", "what", "fix"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a", "given twice", "keep one of the two"),
        ("a:\n  b: 1\n  'b': 2\n", "f.yaml:3: a.b", "given twice", "keep one of the two"),
        ("a: [{b: 1, b: 1}]", "f.yaml:1: a[0].b", "given twice", "keep one of the two"),
        ("a:\n\tb: 1\n", "f.yaml:2", "is no YAML", "check indentation"),
        ("a: [1, 2\n", "f.yaml:2", "is no YAML", "check indentation, colons and quotes"),
        ('a: "x\n', "f.yaml:2", "is no YAML", "quotes"),
        ("a: b: c\n", "f.yaml:1", "is no YAML: mapping values are not allowed", "colons"),
        ("a: 1\nb: x\x01\n", "f.yaml", "is no YAML", ""),
        (b"a: 1\nb: \xff\n", "f.yaml:2", "byte 0xff is no UTF-8", "save the file as UTF-8"),
        ("a: 1\n", None, None, None),
        ("a: *gone\n", "f.yaml:1", "*gone stands for nothing", "put &gone before the value it means"),
        ("a: &a [*a]\n", "f.yaml:1", "*a stands for nothing", "put &a before"),
        ("b: {}\na:\n  <<: {x: 1}\n", "f.yaml:3", "merge keys (<<) are not supported", "write the keys out"),
        ("? [a]\n: 1\n", "f.yaml:1", "a key is no plain text", "write every key as a word"),
        ("a: &x 1\n*x : 2\n", "f.yaml:2", "a key is no plain text", "write every key as a word"),
        ("a: 1\nb: !!int 3\n", "f.yaml:2", "the tag 'tag:yaml.org,2002:int'", "without a tag"),
        ("a: !!python/object:os.system x\n", "f.yaml:1", "python/object", "without a tag"),
        ("a: !!set {x}\n", "f.yaml:1", "the tag", "without a tag"),
        ("a: !mine [x]\n", "f.yaml:1", "the tag '!mine'", "without a tag"),
        ("[" * 65 + "]" * 65, "f.yaml:1", "nested deeper than 64", "make it flatter"),
        ("a: 1\n---\nb: 2\n", "f.yaml", "holds 2 documents", "remove the lines that are only ---"),
    ],
)
def test_what_is_no_strict_yaml_is_named_with_its_line_and_cure(text, place, what, fix):
    if place is None:
        assert value_of(text) == {"a": 1}
        return
    fault = fault_of(text)
    assert fault.path.startswith(place)
    assert what in fault.what
    assert fix in fault.fix


def test_a_file_of_bytes_is_a_fault_and_no_traceback():
    fault = fault_of(b"\x00\x01\x02")
    assert (fault.path.startswith("f.yaml"), "is no YAML" in fault.what) == (True, True)


def test_an_alias_bomb_is_refused_before_it_grows():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    fault = fault_of(bomb)
    assert fault.path == "f.yaml:6"
    assert fault.what == "holds more than 1,000,000 values"
    assert "an alias counts as all it stands for" in fault.fix


def test_a_value_may_be_used_as_often_as_the_bound_allows():
    assert len(value_of(f"- &x [{'x, ' * 98} x]\n" + "- *x\n" * 1000)) == 1001 < MAX_VALUES


def test_a_faulty_value_in_an_alias_is_told_once():
    fault = fault_of("a: &x {b: 1, b: 2}\nc: *x\nd: *x\n")
    assert fault.path == "f.yaml:1: a.b"


def test_the_deepest_nesting_allowed_is_read():
    assert value_of("[" * 64 + "]" * 64)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("a: 1\n---\n---\nb: 2\n...\n", [{"a": 1}, None, {"b": 2}]),
        ("---\na: 1\n---\n", [{"a": 1}, None]),
    ],
)
def test_all_documents_of_a_file_are_read(text, values):
    assert [document.value for document in load_documents(text.encode(), "f.yaml")] == values


def test_an_anchor_ends_with_its_document():
    with pytest.raises(ConfigFaults, match="stands for nothing"):
        load_documents(b"a: &x 1\n---\nb: *x\n", "f.yaml")


def located(text, *paths, index=0):
    document = load_documents(text.encode(), "f.yaml")[index]
    faults = Faults(document.found)
    for path in paths:
        faults.add(path, "is bad", "mend it")
    return [fault.path for fault in document.located(faults)]


def test_faults_come_in_the_order_of_their_lines():
    text = "a:\n  - b: 1\n    c: 2\nd: 3\n"
    assert located(text, ("d",), ("a", 0, "c"), ("a", 0)) == [
        "f.yaml:2: a[0]",
        "f.yaml:3: a[0].c",
        "f.yaml:4: d",
    ]


def test_a_fault_of_something_absent_stands_at_what_should_hold_it():
    assert located("x: 1\na:\n  - b: 1\n", ("a", 0, "name", "deep")) == ["f.yaml:3: a[0].name.deep"]


def test_a_fault_of_the_whole_document_has_no_line():
    assert located("a: 1\n", ()) == ["f.yaml"]


def test_lines_of_a_later_document_count_from_the_top_of_the_file():
    assert located("a: 1\n---\nb: 1\na: 2\n", ("a",), index=1) == ["f.yaml:4: a"]


def test_a_good_document_raises_nothing():
    faults = Faults()
    document = load_document(b"a: 1", "f.yaml")
    document.raise_any(faults)
    assert (document.value, len(faults)) == ({"a": 1}, 0)


def test_a_text_over_the_bound_is_refused_unread():
    with pytest.raises(ConfigFaults, match="bytes long"):
        load_document(b"[" * (MAX_FILE_BYTES + 1), "f.yaml")
