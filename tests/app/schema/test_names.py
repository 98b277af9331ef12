import pytest

from app.schema.faults import BadValue
from app.schema.names import dns_label, dns_subdomain, field_name, tier_name


@pytest.mark.parametrize("text", ["a", "orders", "a-b.c1", "0", "a" * 63 + "." + "b" * 63])
def test_a_dns_subdomain_is_kept(text):
    assert dns_subdomain(text) == text


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("Orders", "such as orders"),
        ("my_route", "such as my-route"),
        ("a b", "such as a-b"),
        ("orders@route", "use a-z, 0-9, - and ."),
        ("", "a-z"),
        ("-a", "such as a"),
        ("a..b", "such as a-b"),
        ("ä", "a-z"),
        ("a\n", "such as a"),
        ("a" * 64, "such as " + "a" * 63),
        (".".join(["a" * 60] * 5), "253"),
    ],
)
def test_what_is_no_dns_subdomain_comes_back_with_its_cure(text, cure):
    with pytest.raises(BadValue) as caught:
        dns_subdomain(text)
    assert cure in caught.value.fix


def test_the_reserved_sign_is_named():
    with pytest.raises(BadValue, match="holds @, which is reserved"):
        dns_subdomain("orders@route")


def test_a_dns_label_has_no_dots():
    assert dns_label("per-client") == "per-client"
    with pytest.raises(BadValue, match="not a DNS label"):
        dns_label("a.b")


def test_a_field_name_is_a_token():
    assert field_name("X-Tenant") == "X-Tenant"
    for bad in ("", "X Tenant", "X:Y", "X" * 65, "X\r\n", "Ü"):
        with pytest.raises(BadValue, match="not a header name"):
            field_name(bad)


def test_a_tier_name_starts_and_ends_with_a_letter_or_digit():
    assert tier_name("Gold_1.x") == "Gold_1.x"
    for bad in ("", "-gold", "gold-", "g" * 64, "a b"):
        with pytest.raises(BadValue, match="not a tier name"):
            tier_name(bad)
