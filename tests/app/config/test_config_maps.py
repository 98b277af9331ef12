import pytest

from app.config.config_maps import config_in, config_lines
from app.schema.document import load_documents

MAP = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"tidegate.yaml": "{}\n"}}


@pytest.mark.parametrize(
    "other",
    [
        None,
        [],
        {},
        MAP | {"kind": "Secret"},
        MAP | {"apiVersion": "v2"},
        MAP | {"data": None},
        MAP | {"data": {"prometheus.yaml": "{}"}},
        MAP | {"data": {"tidegate.yaml": 1}},
    ],
)
def test_other_objects_hold_no_configuration(other):
    assert config_in(other) is None


def test_the_charts_map_holds_one():
    assert config_in(MAP) == "{}\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("  tidegate.yaml: |\n    a: 1\n    b: 2\n", 8),
        ("  tidegate.yaml: |-\n    a: 1\n    b: 2", 8),
        ("  x: 1\n  tidegate.yaml: |\n    a: 1\n    b: 2\n", 9),
        ('  tidegate.yaml: "a: 1\\nb: 2"\n', 7),  # its first line stands beside the key
        ("  tidegate.yaml: 'a: 1'\n", 6),
    ],
)
def test_its_last_line_is_counted_in_the_file(data, line):
    text = f"apiVersion: v1\nkind: Service\n---\nkind: ConfigMap\ndata:\n{data}"
    document = load_documents(text.encode(), "f.yaml")[1]
    assert isinstance(document.value, dict)
    inner = config_lines(document, (), document.value["data"]["tidegate.yaml"])
    assert inner.rstrip("\n").count("\n") + 1 == line
