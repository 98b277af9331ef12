from app.operator.routes.objects.fields import Reading
from app.operator.routes.objects.metadata import ObjectKey
from app.operator.routes.objects.references import (
    GATEWAY_GROUP,
    ObjectRef,
    ParentRef,
    TargetRef,
    read_object_ref,
    read_parent_ref,
    read_target_ref,
)


def top(values):
    return Reading("x").top(values)


def test_a_reference_without_kind_and_namespace_gets_the_apis_defaults():
    ref = read_object_ref(top({"name": "cert"}), "Secret")
    assert ref == ObjectRef("", "Secret", "cert", None)
    assert ref.key_from("shop") == ObjectKey("shop", "cert")
    assert ObjectRef("", "Secret", "cert", "other").key_from("shop") == ObjectKey("other", "cert")


def test_messages_name_a_reference_with_its_foreign_group():
    assert str(ObjectRef("", "Service", "orders", "shop")) == "Service shop/orders"
    assert str(ObjectRef(GATEWAY_GROUP, "Gateway", "web")) == "Gateway web"
    assert str(ObjectRef("example.com", "Bucket", "b")) == "Bucket.example.com b"


def test_a_parent_is_a_gateway_unless_it_says_otherwise():
    assert read_parent_ref(top({"name": "web"})) == ParentRef(GATEWAY_GROUP, "Gateway", "web")
    full = {"group": "", "kind": "Service", "name": "a", "namespace": "b", "sectionName": "c", "port": 80}
    parent = read_parent_ref(top(full))
    assert parent == ParentRef("", "Service", "a", "b", "c", 80)
    assert parent.key_from("shop") == ObjectKey("b", "a")
    assert ParentRef("", "Service", "a").key_from("shop") == ObjectKey("shop", "a")


def test_a_target_is_read_as_written():
    values = {"group": "", "kind": "Service", "name": "a", "sectionName": "https"}
    assert read_target_ref(top(values)) == TargetRef("", "Service", "a", "https")
