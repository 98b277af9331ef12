from app.operator.routes.objects.fields import Reading
from app.operator.routes.objects.filters import (
    Cors,
    Filter,
    HeaderEdit,
    Mirror,
    PathEdit,
    Redirect,
    UrlRewrite,
    read_filters,
)
from app.operator.routes.objects.references import ObjectRef


def read(**values):
    (one,) = read_filters(Reading("x").top({"filters": [values]}))
    return one


def test_header_edits_keep_their_order():
    edit = {"set": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}], "remove": ["c"]}
    made = HeaderEdit((("a", "1"), ("b", "2")), (), ("c",))
    assert read(type="RequestHeaderModifier", requestHeaderModifier=edit).request_headers == made
    assert read(type="ResponseHeaderModifier", responseHeaderModifier=edit).response_headers == made


def test_a_redirect_is_a_302_unless_it_says_otherwise():
    assert read(type="RequestRedirect", requestRedirect={}).redirect == Redirect(None, None, None, None, 302)
    full = {
        "scheme": "https",
        "hostname": "a.example",
        "port": 8443,
        "statusCode": 301,
        "path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"},
    }
    expected = Redirect("https", "a.example", PathEdit("ReplaceFullPath", "/x"), 8443, 301)
    assert read(type="RequestRedirect", requestRedirect=full).redirect == expected


def test_a_rewrite_has_host_path_or_both():
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}
    assert read(type="URLRewrite", urlRewrite={"path": path}).rewrite == UrlRewrite(
        None, PathEdit("ReplacePrefixMatch", "/new")
    )
    assert read(type="URLRewrite", urlRewrite={"hostname": "a"}).rewrite == UrlRewrite("a", None)


def test_a_mirror_has_a_share():
    upstream = {"name": "copy", "port": 80}
    service = ObjectRef("", "Service", "copy")
    assert read(type="RequestMirror", requestMirror={"backendRef": upstream}).mirror == Mirror(
        service, 80, None, None
    )
    half = {"backendRef": upstream, "fraction": {"numerator": 50}}
    assert read(type="RequestMirror", requestMirror=half).mirror == Mirror(service, 80, None, (50, 100))
    assert read(type="RequestMirror", requestMirror={"backendRef": upstream, "percent": 0}).mirror == Mirror(
        service, 80, 0, None
    )


def test_cors_keeps_preflights_for_five_seconds_unless_it_says_otherwise():
    assert read(type="CORS", cors={"allowOrigins": ["https://a"]}).cors == Cors(
        ("https://a",), False, (), (), (), 5
    )


def test_a_filter_of_an_unknown_type_keeps_its_type():
    assert read(type="ExternalAuth", externalAuth={}) == Filter("ExternalAuth")
    extension = {"group": "example.com", "kind": "Auth", "name": "a"}
    assert read(type="ExtensionRef", extensionRef=extension).extension == ObjectRef(
        "example.com", "Auth", "a"
    )
