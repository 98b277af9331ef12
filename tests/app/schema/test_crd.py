from typing import Any

from app.schema.crd import Column, ResourceKind, definition

KIND = ResourceKind("shop.dev", "v1", "Basket", "baskets", "bkt", "shop", {"a": "b"}, (".spec.size",))


def made() -> Any:
    columns = (Column("Size", "integer", ".spec.size"), Column("Age", "date", ".metadata.age", is_wide=True))
    return definition(KIND, "A basket.", columns, {"type": "object"}, {"type": "object"})


def test_its_name_is_plural_and_group():
    one = made()
    assert (one["metadata"]["name"], one["spec"]["scope"]) == ("baskets.shop.dev", "Namespaced")
    assert (one["spec"]["names"]["listKind"], one["spec"]["names"]["singular"]) == ("BasketList", "basket")


def test_the_one_version_has_spec_and_status():
    (version,) = made()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    assert (schema["required"], list(schema["properties"])) == (
        ["spec"],
        ["apiVersion", "kind", "metadata", "spec", "status"],
    )
    assert (version["subresources"], version["selectableFields"]) == (
        {"status": {}},
        [{"jsonPath": ".spec.size"}],
    )


def test_a_wide_column_has_a_priority():
    (version,) = made()["spec"]["versions"]
    assert [column.get("priority") for column in version["additionalPrinterColumns"]] == [None, 1]
