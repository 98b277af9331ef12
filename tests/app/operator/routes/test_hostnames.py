import pytest

from app.operator.routes.hostnames import intersection, overlap


@pytest.mark.parametrize(
    ("listener", "route", "common"),
    [
        ("", (), ()),
        ("very.specific.com", (), ("very.specific.com",)),
        ("", ("b.com", "A.com"), ("a.com", "b.com")),
        (
            "very.specific.com",
            ("non.matching.com", "*.other.io", "very.specific.com"),
            ("very.specific.com",),
        ),
        (
            "*.wildcard.io",
            ("wildcard.io", "foo.wildcard.io", "a.b.wildcard.io"),
            ("a.b.wildcard.io", "foo.wildcard.io"),
        ),
        ("very.specific.com", ("*.specific.com",), ("very.specific.com",)),
        ("*.wildcard.io", ("*.wildcard.io",), ("*.wildcard.io",)),
        (
            "*.foo.example.com",
            ("*.example.com", "abc.foo.example.com"),
            ("*.foo.example.com", "abc.foo.example.com"),
        ),
        ("*.example.com", ("*.com",), ("*.example.com",)),
        ("very.specific.com", ("specific.com",), None),
        ("*.wildcard.io", ("wildcard.io",), None),
        ("*.wildcard.io", ("notwildcard.io", "*.nowildcard.io"), None),
    ],
)
def test_what_listener_and_route_both_take(listener, route, common):
    assert intersection(listener, route) == common


def test_names_overlap_where_a_host_fits_both():
    assert overlap("", "a.example.com")
    assert overlap("*.example.com", "a.example.com")
    assert not overlap("b.example.com", "a.example.com")
