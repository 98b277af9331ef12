from app.operator.policy.attachments import NOTHING_SERVED, Attachments
from app.operator.serving.attachment_shape import attachment_shape

FOUND = Attachments(
    frozenset({"httproute/shop/web", "httproute/shop/web/cart", "httproute/shop/admin", "httproute/far/x"}),
    {"httproute/shop/web": ("gateway/infra/edge",)},
    {"httproute/shop/web": ("service/shop/orders",)},
)


def test_it_says_what_an_object_hangs_together_with():
    assert attachment_shape("httproute/shop/web", FOUND, "tidegate", {"b", "a"}) == {
        "known": True,
        "served": True,
        "exists": True,
        "namespace": "tidegate",
        "releases": ["a", "b"],
        "gateways": ["gateway/infra/edge"],
        "services": ["service/shop/orders"],
        "others": ["httproute/shop/admin"],
    }


def test_of_what_is_not_there_it_names_what_is():
    shape = attachment_shape("httproute/shop/wbe", FOUND, "tidegate", ())
    assert (shape["exists"], shape["gateways"]) == (False, [])
    assert shape["others"] == ["httproute/shop/admin", "httproute/shop/web"]


def test_what_is_not_known_and_what_is_not_served_are_told_apart():
    assert attachment_shape("service/shop/orders", None, "tidegate", ()) == {"known": False}
    assert attachment_shape("service/shop/orders", NOTHING_SERVED, "tidegate", ())["served"] is False
