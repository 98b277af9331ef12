import pytest

from app.operator.routes.objects.fields import Reading
from app.operator.routes.objects.metadata import ObjectKey, read_metadata, read_selector


def selector(values):
    return read_selector(Reading("x").top(values))


def test_metadata_are_read_without_kubectls_copy_of_the_object():
    meta = read_metadata(
        Reading("x").top(
            {
                "metadata": {
                    "namespace": "shop",
                    "name": "web",
                    "uid": "u",
                    "generation": 3,
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                    "resourceVersion": "7",
                    "labels": {"a": "b"},
                    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "c": "d"},
                }
            }
        )
    )
    assert meta.key == ObjectKey("shop", "web")
    assert (meta.uid, meta.generation, meta.version) == ("u", 3, "7")
    assert (meta.labels, meta.annotations) == ({"a": "b"}, {"c": "d"})
    assert meta.age_order == ("2026-01-01T00:00:00Z", "shop", "web")


def test_a_key_reads_as_people_write_it():
    assert (str(ObjectKey("shop", "web")), str(ObjectKey("", "tidegate"))) == ("shop/web", "tidegate")


def test_an_empty_selector_takes_everything():
    assert selector({}).takes({"a": "b"})


@pytest.mark.parametrize(
    ("expression", "takes"),
    [
        ({"key": "tier", "operator": "In", "values": ["front", "back"]}, True),
        ({"key": "tier", "operator": "In", "values": ["back"]}, False),
        ({"key": "tier", "operator": "NotIn", "values": ["front"]}, False),
        ({"key": "other", "operator": "NotIn", "values": ["front"]}, True),
        ({"key": "tier", "operator": "Exists"}, True),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "tier", "operator": "DoesNotExist"}, False),
        ({"key": "other", "operator": "DoesNotExist"}, True),
        ({"key": "tier", "operator": "Near"}, False),
    ],
)
def test_expressions_of_a_selector(expression, takes):
    assert selector({"matchExpressions": [expression]}).takes({"tier": "front"}) is takes


def test_all_parts_of_a_selector_must_hold():
    both = selector({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]})
    assert both.takes({"a": "1", "b": "2"})
    assert not both.takes({"a": "1"})
    assert not both.takes({"b": "2"})
