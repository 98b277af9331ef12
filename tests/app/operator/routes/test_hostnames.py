import pytest

from app.operator.routes.hostnames import overlap, reached


@pytest.mark.parametrize(
    ("listener", "route", "hosts"),
    [
        ("", (), ()),
        ("very.specific.com", (), ()),
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
        ("very.specific.com", ("*.specific.com",), ("*.specific.com",)),
        ("*.wildcard.io", ("*.wildcard.io",), ("*.wildcard.io",)),
        (
            "*.foo.example.com",
            ("*.example.com", "abc.foo.example.com"),
            ("*.example.com", "abc.foo.example.com"),
        ),
        ("*.example.com", ("*.com",), ("*.com",)),
        ("very.specific.com", ("specific.com",), None),
        ("*.wildcard.io", ("wildcard.io",), None),
        ("*.wildcard.io", ("notwildcard.io", "*.nowildcard.io"), None),
    ],
)
def test_a_route_has_its_own_names_as_far_as_the_listener_reaches_them(listener, route, hosts):
    assert reached(listener, route) == hosts


def test_names_overlap_where_a_host_fits_both():
    assert overlap("", "a.example.com")
    assert overlap("*.example.com", "a.example.com")
    assert not overlap("b.example.com", "a.example.com")
