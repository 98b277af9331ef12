import pytest

from app.operator.routes.objects.filters import (
    Cors,
    Filter,
    HeaderEdit,
    Mirror,
    PathEdit,
    Redirect,
    UrlRewrite,
)
from app.operator.routes.objects.references import ObjectRef
from app.operator.routes.rules.filters import PlacedMirror, filter_document


def document(*filters):
    return filter_document(filters, "filters")


def redirect(**given):
    fields = {"scheme": None, "hostname": None, "path": None, "port": None, "status": 302, **given}
    return Filter("RequestRedirect", redirect=Redirect(**fields))


def test_of_equivalent_header_names_the_first_counts():
    edit = HeaderEdit((("A", "1"), ("a", "2")), (("B", "3"),), ("C", "c"))
    assert document(Filter("RequestHeaderModifier", request_headers=edit)).parts == {
        "requestHeaders": {"set": {"A": "1"}, "add": {"B": "3"}, "remove": ["C"]}
    }


def test_an_edit_that_says_nothing_is_left_out():
    assert document(Filter("ResponseHeaderModifier", response_headers=HeaderEdit((), (), ()))).parts == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PathEdit("ReplaceFullPath", "/a"), {"path": "/a"}),
        (PathEdit("ReplacePrefixMatch", ""), {"prefix": "/"}),
        (PathEdit("Near", "/a"), {"Near": "/a"}),  # which the document's parser names
    ],
)
def test_paths_of_rewrites(path, expected):
    assert document(Filter("URLRewrite", rewrite=UrlRewrite(None, path))).parts == {"rewrite": expected}


def test_all_parts_of_a_redirect():
    full = redirect(
        scheme="https", hostname="a", port=8443, status=308, path=PathEdit("ReplaceFullPath", "/b")
    )
    assert document(full).parts == {
        "redirect": {"status": 308, "host": "a", "path": "/b", "scheme": "https", "port": 8443}
    }
    assert document(redirect()).parts == {"redirect": {"status": 302}}


def test_mirrors_stand_apart_with_their_place():
    mirror = Mirror(ObjectRef("", "Service", "a"), 80, None, None)
    made = document(redirect(), Filter("RequestMirror", mirror=mirror))
    assert made.mirrors == (PlacedMirror(mirror, "filters[1].requestMirror"),)


@pytest.mark.parametrize("kind", ["ExtensionRef", "ExternalAuth", "URLRewrite", "RequestMirror"])
def test_a_filter_that_we_do_not_know_or_that_lacks_its_field_is_a_fault(kind):
    (fault,) = document(Filter(kind)).faults
    assert (fault.path, fault.what) == ("filters[0].type", f"is {kind}")


def test_a_filter_that_is_given_twice_is_a_fault():
    (fault,) = document(redirect(), redirect(port=80)).faults
    assert str(fault) == "filters[1].type: repeats RequestRedirect; put both into one filter"


def test_cors_says_what_is_given():
    cors = Cors(("https://a.example", "https://a.example"), False, (), (), (), 5)
    assert document(Filter("CORS", cors=cors)).parts == {
        "cors": {"allowOrigins": ["https://a.example"], "maxAge": "5s"}
    }
